// Errands that are run when the test says so, or when somebody waits for them.
#pragma once

#include "storage/journal/errands.hpp"

#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

namespace weir {

class held_errands final : public errand_runner {
 public:
  void run(std::function<void()> job) override {
    EXPECT_FALSE(job_) << "two errands at a time";
    job_ = std::move(job);
    ++sent;
  }
  void wait() override {
    waited_for += job_ ? 1 : 0;
    finish();
  }
  void finish() {
    if (const auto job = std::exchange(job_, nullptr))
      job();
  }
  bool holds() const noexcept { return job_ != nullptr; }

  uint64_t sent = 0;
  uint64_t waited_for = 0;

 private:
  std::function<void()> job_;
};

} // namespace weir
