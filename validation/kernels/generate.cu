// Operands: lines of n bytes from the ChaCha20 stream of a nonce (kind, index, 0). The left matrix is written by rows,
// the right one by columns.
#include "chacha.cuh"

// One thread writes one block of 64 bytes, as four vectors. `first` is the stream's block that `out` begins with; a
// whole matrix has n * n / 64 blocks, which fit 32 bits up to n = 32,768.
extern "C" __global__ void __launch_bounds__(256)
generate(uint4* out, ChaChaKey key, u32 kind, u32 index, u32 first, u32 count) {
    const u32 block = blockIdx.x * blockDim.x + threadIdx.x;
    if (block >= count) return;
    u32 word[16];
    chacha20_block(key, first + block, kind, index, 0, word);
    uint4* mine = out + u64(block) * 4;
#pragma unroll
    for (int i = 0; i < 4; ++i)
        mine[i] = make_uint4(word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]);
}
