// Just enough of CUDA C++ for g++ to build the kernels as they are and run them on the CPU, one block after another.
//
// Each thread of a block is a fiber with a stack of its own. A barrier hands over to the next fiber, so every index,
// every shared word and every barrier of a kernel is really executed. Running the fibers in both orders shows a
// missing barrier: then the answers differ.
#pragma once
#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
// One block runs at a time, so what a block shares may be static.
#define __shared__ static

struct Dim3 {
    unsigned int x, y, z;
};

struct alignas(16) uint4 {
    unsigned int x, y, z, w;
};

inline uint4 make_uint4(unsigned int x, unsigned int y, unsigned int z, unsigned int w) {
    return {x, y, z, w};
}

// The dot product of four signed bytes, added to `sum`.
inline int __dp4a(int a, int b, int sum) {
    for (int byte = 0; byte < 4; ++byte)
        sum += static_cast<signed char>(a >> (8 * byte)) * static_cast<signed char>(b >> (8 * byte));
    return sum;
}

inline Dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace shim {

constexpr std::size_t STACK_BYTES = 64 * 1024;

enum class State { ready, waiting, finished };

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[STACK_BYTES]};
    State state;
    Dim3 thread;
};

struct Body {
    virtual void run() = 0;
    virtual ~Body() = default;
};

inline std::vector<Fiber> fibers;
inline Fiber* current;
inline ucontext_t scheduler;
inline Body* body;

inline void enter() {
    body->run();
    current->state = State::finished;
}

inline void start(Fiber& fiber, Dim3 thread) {
    fiber.state = State::ready;
    fiber.thread = thread;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = STACK_BYTES;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, enter, 0);
}

inline void start_block() {
    std::size_t next = 0;
    for (unsigned int z = 0; z < blockDim.z; ++z)
        for (unsigned int y = 0; y < blockDim.y; ++y)
            for (unsigned int x = 0; x < blockDim.x; ++x) start(fibers[next++], {x, y, z});
}

// Run every fiber up to its next barrier or its end; return how many wait.
inline std::size_t run_to_barrier(bool reverse) {
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < fibers.size(); ++i) {
        current = &fibers[reverse ? fibers.size() - 1 - i : i];
        if (current->state == State::finished) continue;
        threadIdx = current->thread;
        swapcontext(&scheduler, &current->context);
        waiting += current->state == State::waiting;
    }
    return waiting;
}

// Return false if some threads ended while others waited at a barrier: on a card that hangs or is undefined.
inline bool run_block(bool reverse) {
    start_block();
    for (;;) {
        const std::size_t waiting = run_to_barrier(reverse);
        if (waiting == 0) return true;
        if (waiting != fibers.size()) return false;
    }
}

// Run a kernel over a grid; return 0, or 1 if a block's threads did not all meet at a barrier.
template <class Kernel>
int launch(Dim3 grid, Dim3 block, bool reverse, Kernel kernel) {
    struct Call : Body {
        Kernel& kernel;
        explicit Call(Kernel& kernel) : kernel(kernel) {}
        void run() override { kernel(); }
    } call(kernel);
    body = &call;
    gridDim = grid;
    blockDim = block;
    fibers.resize(std::size_t(block.x) * block.y * block.z);
    for (unsigned int z = 0; z < grid.z; ++z)
        for (unsigned int y = 0; y < grid.y; ++y)
            for (unsigned int x = 0; x < grid.x; ++x) {
                blockIdx = {x, y, z};
                if (!run_block(reverse)) return 1;
            }
    return 0;
}

}  // namespace shim

inline void __syncthreads() {
    shim::current->state = shim::State::waiting;
    swapcontext(&shim::current->context, &shim::scheduler);
    shim::current->state = shim::State::ready;
}
