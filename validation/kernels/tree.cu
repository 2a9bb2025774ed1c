// One level of a Merkle tree. Leaves of several perfect trees may lie side by side: their levels never mix.
#include "sha256.cuh"

// parents[i] = SHA-256(0x01 || children[2 i] || children[2 i + 1]), 32 bytes each.
extern "C" __global__ void __launch_bounds__(128)
tree_level(const uint4* children, uint4* parents, u64 count) {
    const u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    u32 pair[16];
#pragma unroll
    for (int q = 0; q < 4; ++q) {
        const uint4 loaded = children[i * 4 + q];
        pair[4 * q] = loaded.x;
        pair[4 * q + 1] = loaded.y;
        pair[4 * q + 2] = loaded.z;
        pair[4 * q + 3] = loaded.w;
    }
    u32 node[8];
    sha256_node(pair, node);
    parents[i * 2] = make_uint4(node[0], node[1], node[2], node[3]);
    parents[i * 2 + 1] = make_uint4(node[4], node[5], node[6], node[7]);
}
