// The low 16 bits of exact sums: what a card keeps of a product.
#include "types.cuh"

__device__ __forceinline__ u32 low_halves(u32 first, u32 second) {
    return (first & 0xffffu) | (second << 16);
}

// Eight int32 to eight uint16 a thread; `count` is the number of such groups.
extern "C" __global__ void __launch_bounds__(256)
pack_low16(const uint4* sums, uint4* kept, u64 count) {
    const u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const uint4 a = sums[2 * i], b = sums[2 * i + 1];
    kept[i] = make_uint4(
        low_halves(a.x, a.y), low_halves(a.z, a.w), low_halves(b.x, b.y), low_halves(b.z, b.w));
}
