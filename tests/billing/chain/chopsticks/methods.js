// What a node answers and chopsticks does not. A script that returns its handlers, not a module.
// Whoever started this node holds its input: it ends with them, however they end.
process.stdin.on('end', () => process.exit()).resume()

return {
  account_nextIndex: async (context, [address]) => {
    const head = context.chain.head
    const registry = await head.registry
    const account = registry.createType('AccountId', address)
    const answer = await head.call('AccountNonceApi_account_nonce', [account.toHex()])
    const nonce = registry.createType('Index', Buffer.from(answer.result.slice(2), 'hex')).toNumber()
    return nonce + context.chain.txPool.pendingExtrinsicsBy(address).length
  },
}
