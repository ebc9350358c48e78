// A journal on a simulated disk whose bytes can be made to rot.
#pragma once

#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {

struct journal_damage : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  journal_config config;
  recovery_report report;
  std::unique_ptr<journal_writer> writer;
  std::vector<journal_position> ends; ///< behind each record

  void SetUp() override {
    config = small_journal(uint64_t{64} << 10, 20);
    open();
  }
  void open() {
    writer.reset();
    auto opened = journal_writer::open(config, disk, clock, 0, report);
    ASSERT_TRUE(opened) << opened.error().text;
    writer = std::move(*opened);
  }
  void store(char letter, size_t size = 1000) {
    writer->add(simple_batch({1, ends.size() + 1}, {std::string(size, letter)}));
    ASSERT_EQ(writer->commit()[0]->parts[0].outcome, ec::none);
    ends.push_back(writer->durable_end());
  }
  /// One bit in the middle of the record stored as number `index`.
  void damage(size_t index) {
    ASSERT_TRUE(
      disk.rot(segment_path("j", ends[index].segment), ends[index].offset - 500));
  }
  /// The block in which the record stored as number `index` ends can't be read any more.
  void spoil(size_t index) {
    const auto block = (ends[index].offset - 1) / direct_block * direct_block;
    disk.spoil(segment_path("j", ends[index].segment), block, block + direct_block);
  }
  bool is_kept_whole(uint64_t segment) {
    return disk.exists(corrupt_path("j", segment, 0));
  }
  result<std::string> read_all(journal_position from = {}) {
    auto reader = journal_reader::open("j", disk, from);
    std::string letters;
    for (;;) {
      const auto frames = (*reader)->read(writer->durable_end(), 2, 100'000);
      if (!frames)
        return tl::unexpected{frames.error()};
      if (frames->empty())
        return letters;
      for (const auto& frame : *frames)
        for (const auto& record : frame.records)
          letters += record.front();
    }
  }
};

} // namespace weir
