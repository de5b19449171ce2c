// A browser program that asks the portal for flags as anybody's would: what it was told last stands in the page.
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

const told = new URLSearchParams(location.hash.slice(1));
const headers = [
  ["Authorization", `Bearer ${told.get("token")}`],
  ["X-Flag-Set", "shop"],
];
const client = OpenFeature.getClient();
const show = () => {
  document.title = client.getBooleanValue("new-cart", false) ? "the new cart" : "the old cart";
};
client.addHandler(ProviderEvents.ConfigurationChanged, show);
client.addHandler(ProviderEvents.Stale, () => (document.body.textContent = "stale"));
try {
  await OpenFeature.setContext({ targetingKey: "ada" });
  await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl: told.get("portal"), headers }));
  show();
} catch (failure) {
  document.title = `failed: ${failure}`;
}
