#include "tests/simulation/fibers.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <cassert>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace weir::simulation {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t stack_bytes = size_t{4} << 20;
#else
constexpr size_t stack_bytes = size_t{1} << 20; // touched pages only cost memory
#endif

} // namespace

struct fibers::fiber {
  ucontext_t context{};
  void* stack = nullptr;
  const void* bottom = nullptr; ///< the stack's, for the sanitizer
  size_t bytes = 0;
  void* fake_stack = nullptr; ///< the sanitizer's

  ~fiber() {
    if (stack != nullptr)
      ::munmap(stack, stack_bytes);
  }
};

fibers::fibers() : outside_(std::make_unique<fiber>()) {}

fibers::~fibers() = default;

void fibers::run(std::function<verdict()> step) {
  step_ = std::move(step);
  current_ = outside_.get();
  switch_to(idle_fiber());
  assert(parked_.empty());
}

void fibers::enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<fibers*>(uintptr_t{high} << 32 | low);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->before_->bottom, &self->before_->bytes);
#endif
  self->loop();
}

void fibers::loop() {
  for (;;) {
    const auto next = step_();
    if (next.what == verdict::kind::again)
      continue;
    if (next.what == verdict::kind::wake) {
      wake(next.whom);
      continue;
    }
    idle_.push_back(current_);
    switch_to(*outside_);
  }
}

void fibers::switch_to(fiber& next) {
  auto& self = *current_;
  before_ = &self;
  current_ = &next;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&self.fake_stack, next.bottom, next.bytes);
#endif
  ::swapcontext(&self.context, &next.context);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(self.fake_stack, &before_->bottom, &before_->bytes);
#endif
}

fibers::fiber& fibers::idle_fiber() {
  if (!idle_.empty()) {
    auto* found = idle_.back();
    idle_.pop_back();
    return *found;
  }
  auto made = std::make_unique<fiber>();
  made->stack = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (made->stack == MAP_FAILED) {
    made->stack = nullptr;
    throw std::bad_alloc{};
  }
  made->bottom = made->stack;
  made->bytes = stack_bytes;
  ::getcontext(&made->context);
  made->context.uc_stack.ss_sp = made->stack;
  made->context.uc_stack.ss_size = stack_bytes;
  made->context.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);
  ::makecontext(&made->context, reinterpret_cast<void (*)()>(&fibers::enter), 2,
                static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
  all_.push_back(std::move(made));
  return *all_.back();
}

void fibers::park(ticket which) {
  parked_.emplace(which, current_);
  switch_to(idle_fiber());
}

void fibers::wake(ticket which) {
  const auto found = parked_.find(which);
  auto* next = found->second;
  parked_.erase(found);
  idle_.push_back(current_);
  switch_to(*next);
}

} // namespace weir::simulation
