"""Signing in with the wallet in a browser: the page's part, against what polkadot.js answers."""

from bittensor_core import Keypair
from playwright.sync_api import Page, expect

from tests.market import LiveMarket

WALLET = Keypair.create_from_uri("//Browser")
# Two wallets in one browser, as extensions announce themselves; the second one's owner says no.
EXTENSIONS = """
const account = {address: "%(address)s", name: "Mine", type: "sr25519"};
const other = {address: "0x00000000000000000000000000000000000000aa", type: "ethereum"};
const signRaw = async ({address, data, type}) => {
  if (address !== account.address || type !== "bytes") throw new Error("asked of another");
  return {id: 1, signature: await signedByTheWallet(data)};
};
window.injectedWeb3 = {
  "polkadot-js": {enable: async () => ({accounts: {get: async () => [other, account]}, signer: {signRaw}})},
  refusing: {enable: async () => { throw new Error("Rejected"); }},
};
"""


def signed(data: str) -> str:
    """Sign as the extension does: the bytes of the text, wrapped, so that no transaction is signed unawares."""
    text = bytes.fromhex(data.removeprefix("0x"))
    return "0x" + WALLET.sign(b"<Bytes>%b</Bytes>" % text).hex()


def test_a_wallet_in_the_browser_signs_in(page: Page, market: LiveMarket) -> None:
    page.expose_function("signedByTheWallet", signed)
    page.add_init_script(EXTENSIONS % {"address": WALLET.ss58_address})
    page.goto("/provide/sign-in")

    page.get_by_role("button", name="Sign in the browser's wallet").click()

    page.wait_for_url("**/provide/machines")
    page.goto("/account/hotkeys")
    expect(page.get_by_text(WALLET.ss58_address).first).to_be_visible()
