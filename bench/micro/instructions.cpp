// One stage on many batches, for a simulator that counts instructions: bench/instructions.py
// runs it under callgrind, which collects inside measured_region() only.
//
//   bench_instructions parse|csv|text|schema|transform|fused|journal BATCHES
#include "base/clock.hpp"
#include "bench/micro/workload.hpp"
#include "storage/journal/journal.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

namespace weir::bench {
namespace {

/// Callgrind is told this name.
extern "C" [[gnu::noinline]] void measured_region(const std::function<void()>& work) {
  work();
}

/// Its choice of code by CPU would make figures differ between machines.
void use_one_implementation() {
  const auto& found = simdjson::get_available_implementations();
  const auto* chosen = found["westmere"];
  simdjson::get_active_implementation() = chosen ? chosen : found["fallback"];
}

class stages {
 public:
  void run(std::string_view name, uint64_t key) {
    if (name == "parse")
      return over(make_batch("plain", shape::json), validate);
    if (name == "csv")
      return over(make_batch("plain", shape::csv), validate);
    if (name == "text")
      return over(make_batch("plain", shape::log), validate);
    if (name == "schema")
      return over(make_batch("web", shape::json), validate);
    if (name == "transform")
      return over(make_batch("web", shape::json), transform);
    if (name == "fused")
      return over(make_batch("web", shape::json), [](auto&&... with) {
        return validate_and_transform(with..., system_clock_source{}).batch;
      });
    if (name == "journal")
      return append(make_batch("web", shape::json, key));
    throw std::runtime_error("no such stage");
  }

 private:
  template <class Work>
  void over(const batch_ptr& batch, Work work) {
    batch_ptr result;
    measured_region([&] { result = work(*batch, streams_, scratch_, mark_); });
    if (result->records.size() != batch_records)
      throw std::runtime_error("records were rejected");
  }

  void append(const batch_ptr& batch) {
    std::vector<std::shared_ptr<const batch_receipt>> receipts;
    measured_region([&] {
      journal_->add(batch);
      receipts = journal_->commit();
    });
    if (receipts.at(0)->parts.at(0).accepted != batch_records)
      throw std::runtime_error("records were not stored");
  }

  catalog streams_ = make_catalog();
  work_scratch scratch_{1};
  std::atomic<uint32_t> mark_{0};
  careless_disk disk_;
  system_clock_source clock_;
  recovery_report report_;
  std::unique_ptr<journal_writer> journal_ =
    must(journal_writer::open(endless_journal(), disk_, clock_, 0, report_));
};

} // namespace
} // namespace weir::bench

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: bench_instructions STAGE BATCHES\n");
    return 2;
  }
  try {
    weir::bench::use_one_implementation();
    weir::bench::stages all;
    for (int i = 1; i <= std::atoi(words[2]); ++i)
      all.run(words[1], static_cast<uint64_t>(i));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_instructions: %s\n", e.what());
    return 1;
  }
}
