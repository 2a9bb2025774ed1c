// Signs the shown text with a wallet in the browser, where one is installed; without it the form is filled by hand.
const box = document.querySelector("[data-wallet]");
const form = document.querySelector("[data-wallet-form]");
const list = document.querySelector("[data-wallet-accounts]");
const said = document.querySelector("[data-wallet-said]");
const WAIT_FOR_WALLET_MS = 3000;
const LOOK_EVERY_MS = 200;
let wallets = [];

const extensions = () => Object.entries(globalThis.injectedWeb3 ?? {});
const hex = (text) => `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

// Hotkeys and coldkeys are sr25519; wallets of several chains list other accounts too.
const fits = ({ type }) => type === undefined || type === "sr25519";

async function accountsOf([, extension]) {
  const wallet = await extension.enable("lium_site");
  const found = await wallet.accounts.get();
  return found.filter(fits).map((account) => ({ ...account, signer: wallet.signer }));
}

// A wallet asks its owner first, so nothing is opened before the button was pressed. One that refuses stops no other.
async function open() {
  const opened = await Promise.allSettled(extensions().map(accountsOf));
  const found = opened.flatMap(({ value }) => value ?? []);
  const refused = opened.find(({ reason }) => reason);
  if (!found.length && refused) throw refused.reason;
  return found;
}

function show(accounts) {
  list.replaceChildren(...accounts.map((account, index) => new Option(account.name ? `${account.name}: ${account.address}` : account.address, index)));
  list.hidden = accounts.length < 2;
}

async function sign({ address, signer }) {
  const data = hex(form.elements.message.value);
  const { signature } = await signer.signRaw({ address, data, type: "bytes" });
  form.elements.address.value = address;
  form.elements.signature.value = signature;
  form.requestSubmit();
}

async function press() {
  if (!wallets.length) {
    wallets = await open();
    show(wallets);
    if (!wallets.length) said.textContent = "The wallet shares no account with this page.";
    else if (wallets.length > 1) said.textContent = "Choose an account and press again.";
    if (wallets.length !== 1) return;
  }
  await sign(wallets[Number(list.value) || 0]);
}

function offer(waited = 0) {
  if (extensions().length) box.hidden = false;
  else if (waited < WAIT_FOR_WALLET_MS) setTimeout(() => offer(waited + LOOK_EVERY_MS), LOOK_EVERY_MS);
}

document.querySelector("[data-wallet-sign]").addEventListener("click", () => {
  said.textContent = "";
  press().catch((error) => { said.textContent = `The wallet did not sign: ${error.message ?? error}`; });
});
offer();
