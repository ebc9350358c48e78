// Linked into the test programs of the mutants' build: after each test it adds a line to the file
// that WEIR_MUTANTS_REACHED names: test, microseconds, and the codes of the edits it reached.
#include "tests/mutants/mutant.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

namespace {

class recorder final : public testing::EmptyTestEventListener {
 public:
  explicit recorder(const char* path) : out_(path, std::ios::app) {}

  void OnTestStart(const testing::TestInfo&) override {
    for (auto& slot : weir::the_mutant_switch().reached)
      slot = 0;
    begun_ = std::chrono::steady_clock::now();
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    using std::chrono::microseconds;
    const auto took = std::chrono::steady_clock::now() - begun_;
    out_ << test.test_suite_name() << '.' << test.name() << ' '
         << std::chrono::duration_cast<microseconds>(took).count();
    for (const auto& slot : weir::the_mutant_switch().reached)
      if (const auto code = slot.load(); code != 0)
        out_ << ' ' << code;
    out_ << std::endl;
  }

 private:
  std::ofstream out_;
  std::chrono::steady_clock::time_point begun_;
};

const bool listening = [] {
  if (const char* path = std::getenv("WEIR_MUTANTS_REACHED"))
    testing::UnitTest::GetInstance()->listeners().Append(new recorder{path});
  return true;
}();

} // namespace
