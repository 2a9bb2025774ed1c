// An input matrix: n * n bytes of the ChaCha20 stream of a nonce (kind, k, 0). A_k is written by rows, B by columns.
#include "chacha.cuh"

// One thread writes one block of 64 bytes as four vectors; `blocks` = n * n / 64 fits 32 bits up to n = 32,768.
extern "C" __global__ void __launch_bounds__(256)
generate(uint4* out, ChaChaKey key, u32 kind, u32 k, u32 blocks) {
    const u32 block = blockIdx.x * blockDim.x + threadIdx.x;
    if (block >= blocks) return;
    u32 word[16];
    chacha20_block(key, block, kind, k, 0, word);
    uint4* mine = out + u64(block) * 4;
#pragma unroll
    for (int i = 0; i < 4; ++i)
        mine[i] = make_uint4(word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]);
}
