// What tests of the work table share: workers without actors.
#pragma once

#include "actors/work_table.hpp"
#include "tests/actors/tree_fixture.hpp"

namespace weir::work_table_test {

using namespace std::chrono_literals;

inline const work_table::time_point t0{1h};

/// What a worker makes of a piece: every record in upper case.
inline batch_ptr worked(const record_batch& in) {
  auto out = std::make_shared<record_batch>(in);
  auto text = std::make_shared<std::string>();
  for (auto& ref : out->records) {
    std::string body{in.text_of(ref)};
    for (char& c : body)
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    ref.offset = static_cast<uint32_t>(text->size());
    *text += body;
  }
  out->text = text;
  return out;
}

/// Workers that die at "poison"; marks are set or not.
struct mill {
  work_table table;
  bool marks = true;
  loss how = loss::crashed;
  uint64_t next_worker = 1;
  int crashes = 0;

  explicit mill(size_t capacity = 64) : table(work_limits{capacity, 5s, 3}) {}

  /// One order by a fresh worker; false when nothing was queued.
  bool turn() {
    const auto worker = next_worker++;
    const auto order = table.take(worker, t0);
    if (!order)
      return false;
    for (uint32_t i = 0; i < order->batch->records.size(); ++i) {
      if (marks)
        order->progress->record = i;
      if (order->batch->text_of(order->batch->records[i]) == "poison") {
        ++crashes;
        EXPECT_TRUE(table.lost(worker, how, "boom"));
        return true;
      }
    }
    EXPECT_TRUE(table.finish({order->job, worked(*order->batch)}));
    return true;
  }

  batch_ptr grind() {
    for (int i = 0; i < 100'000 && turn(); ++i) {
    }
    const auto done = table.take_done();
    return done ? done->batch : nullptr;
  }
};

} // namespace weir::work_table_test
