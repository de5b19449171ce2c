// The npm package oidc-provider as a login provider for tests: one process, everything in memory.
//
// Environment: PORT (0 picks one), SETUP (JSON: clients, accounts, groupsInIdToken, accessTokenSeconds).
// Prints one line of JSON with its issuer once it listens.
// POST /control with a part of SETUP, or {"rotate": true}, changes it; sessions and grants stay.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";

import Provider from "oidc-provider";

const setup = { clients: [], accounts: {}, groupsInIdToken: false, accessTokenSeconds: 600, ...JSON.parse(process.env.SETUP ?? "{}") };
const kept = new Map();
let keys = [];
let issuer = "";
let answer = () => {};

/** oidc-provider's adapter interface over one map that outlives a change of keys or clients. */
class Kept {
  constructor(name) {
    this.name = name;
  }
  key(id) {
    return `${this.name}:${id}`;
  }
  async upsert(id, payload, expiresIn) {
    const endsAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    kept.set(this.key(id), { payload, endsAt });
  }
  async find(id) {
    const found = kept.get(this.key(id));
    return found && found.endsAt > Date.now() ? found.payload : undefined;
  }
  async first(matches) {
    for (const [key, { payload, endsAt }] of kept) {
      if (key.startsWith(`${this.name}:`) && endsAt > Date.now() && matches(payload)) return payload;
    }
    return undefined;
  }
  findByUid(uid) {
    return this.first((payload) => payload.uid === uid);
  }
  findByUserCode(code) {
    return this.first((payload) => payload.userCode === code);
  }
  async destroy(id) {
    kept.delete(this.key(id));
  }
  async consume(id) {
    const found = kept.get(this.key(id));
    if (found) found.payload.consumed = Math.floor(Date.now() / 1000);
  }
  async revokeByGrantId(grantId) {
    for (const [key, { payload }] of kept) if (payload.grantId === grantId) kept.delete(key);
  }
}

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function build() {
  const provider = new Provider(issuer, {
    adapter: Kept,
    clients: setup.clients,
    jwks: { keys },
    cookies: { keys: ["only for tests"] },
    scopes: ["openid", "profile", "email", "groups", "offline_access"],
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    conformIdTokenClaims: !setup.groupsInIdToken,
    ttl: { AccessToken: setup.accessTokenSeconds, AuthorizationCode: 60, IdToken: 300, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
    issueRefreshToken: async () => true,
    findAccount: async (_, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, name: id, preferred_username: id, groups: [], ...setup.accounts[id] }),
    }),
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      revocation: { enabled: true },
    },
    // The package's own dispatcher refuses calls to loopback; here everything is loopback.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  });
  provider.on("backchannel.error", (_, error) => console.error("back-channel logout failed:", error.message, error.cause?.message ?? ""));
  provider.on("server_error", (_, error) => console.error("server error:", error));
  answer = provider.callback();
}

async function control(request, response) {
  let text = "";
  for await (const part of request) text += part;
  const { rotate, ...changes } = JSON.parse(text);
  Object.assign(setup, changes);
  if (rotate) keys = [newKey()];
  build();
  response.end("{}");
}

const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/control") control(request, response);
  else answer(request, response);
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  keys = [newKey()];
  build();
  console.log(JSON.stringify({ issuer }));
});
// Ends with the tests that started it, however those end.
process.stdin.resume().on("end", () => process.exit(0));
