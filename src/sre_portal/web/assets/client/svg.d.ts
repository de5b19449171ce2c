// A drawing that is imported is built as a file of its own; the import is its address beside the script.
declare module "*.svg" {
  const address: string;
  export default address;
}
