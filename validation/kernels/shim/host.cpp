// The kernels as functions of a shared library: grid and block in front, then the order of threads, then the arguments.
#include "cuda_host.h"

#include "../chacha.cuh"
#include "../sha256.cuh"

// Each source has constants of its own; on a card they are separate modules.
namespace generation {
#include "../generate.cu"
}
namespace products {
#include "../gemm.cu"
}
namespace packing {
#include "../pack.cu"
}
namespace digests {
#include "../digest.cu"
}
namespace trees {
#include "../tree.cu"
}

extern "C" int host_generate(
    Dim3 grid, Dim3 block, int reverse,
    uint4* out, const ChaChaKey* key, u32 kind, u32 index, u32 first, u32 count) {
    return shim::launch(
        grid, block, reverse, [=] { generation::generate(out, *key, kind, index, first, count); });
}

extern "C" int host_gemm_low16(
    Dim3 grid, Dim3 block, int reverse, const u32* a, const u32* b, u16* kept, u32 n) {
    return shim::launch(grid, block, reverse, [=] { products::gemm_low16(a, b, kept, n); });
}

extern "C" int host_pack_low16(
    Dim3 grid, Dim3 block, int reverse, const uint4* sums, uint4* kept, u64 count) {
    return shim::launch(grid, block, reverse, [=] { packing::pack_low16(sums, kept, count); });
}

extern "C" int host_digest_tiles(
    Dim3 grid, Dim3 block, int reverse,
    const uint4* matrices, u32 n, u64 first, u64 count, const digests::DigestKey* key, u64* out) {
    return shim::launch(
        grid, block, reverse, [=] { digests::digest_tiles(matrices, n, first, count, key, out); });
}

extern "C" int host_tree_level(
    Dim3 grid, Dim3 block, int reverse, const uint4* children, uint4* parents, u64 count) {
    return shim::launch(grid, block, reverse, [=] { trees::tree_level(children, parents, count); });
}
