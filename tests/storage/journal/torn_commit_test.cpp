// What recovery keeps of a commit that lost its power between write and sync.
#include "tests/storage/journal/damage_fixture.hpp"

#include <initializer_list>
#include <string_view>

using namespace weir;

namespace {

/// Parts of one keyed request, one record each; `neighbour` is somebody else's.
struct torn_commit : journal_damage {
  static constexpr batch_key request{7, 7};
  batch_ptr part(uint64_t base, char letter) {
    batch_builder build;
    build.part(continued_key(request, base), true, 100 + base)
      .record(std::string(1000, letter));
    auto& made = build.source().parts.back();
    made.request = 7;
    made.record_base = base;
    return build.done();
  }
  void store_in_one_commit(std::initializer_list<batch_ptr> batches) {
    for (const auto& batch : batches)
      writer->add(batch);
    for (const auto& receipt : writer->commit()) {
      ASSERT_EQ(receipt->parts[0].outcome, ec::none);
      ends.push_back({writer->durable_end()});
    }
  }
  void store_first_then(std::initializer_list<batch_ptr> batches) {
    store_in_one_commit({part(0, 'a')});
    first_end_ = writer->durable_end().offset;
    store_in_one_commit(batches);
  }
  /// The frame of 1,000 bytes that is number `index` in the last commit.
  void tear(uint64_t index) {
    ASSERT_TRUE(disk.rot(segment_path("j", writer->durable_end().segment),
                         first_end_ + index * 1104 + 600));
  }
  bool is_duplicate(const batch_ptr& batch) {
    writer->add(batch);
    const auto receipts = writer->commit();
    EXPECT_EQ(receipts[0]->parts[0].outcome, ec::none);
    return receipts[0]->parts[0].duplicate;
  }

 private:
  uint64_t first_end_ = 0;
};

} // namespace

// A repeat finds what is stored of its body from the beginning on, up to the first gap.
TEST_F(torn_commit, keeps_no_part_of_a_request_without_the_one_before) {
  const auto neighbour = simple_batch({9, 9}, {std::string(1000, 'n')});
  store_first_then({part(1, 'b'), part(2, 'c'), neighbour, part(3, 'd')});
  tear(0);
  for (int start = 0; start < 2; ++start) {
    open();
    EXPECT_EQ(read_all().value(), "an") << "start " << start;
    EXPECT_EQ(report.frames, 2u);
  }
  EXPECT_TRUE(is_duplicate(part(0, 'a')));
  EXPECT_FALSE(is_duplicate(part(1, 'b')));
  EXPECT_FALSE(is_duplicate(part(2, 'c')));
  EXPECT_FALSE(is_duplicate(part(3, 'd')));
  EXPECT_EQ(read_all().value(), "anbcd");
}

TEST_F(torn_commit, gives_no_record_a_number_that_a_dropped_one_had) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  const auto before = writer->last_sequence();
  tear(0);
  open();
  EXPECT_EQ(read_all().value(), "a");
  EXPECT_GE(writer->last_sequence(), before);
}

TEST_F(torn_commit, keeps_what_was_dropped_in_a_copy_and_says_so) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  tear(0);
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  const auto path = report.alarms[0].substr(report.alarms[0].find("kept as ") + 8);
  const auto copy = disk.open(path.substr(0, path.find(' ')), false);
  ASSERT_TRUE(copy) << report.alarms[0];
  std::vector<std::byte> bytes(4096);
  const auto size = (*copy)->read_at(0, bytes).value();
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), size};
  EXPECT_NE(text.find(std::string(1000, 'c')), text.npos);
}

TEST_F(torn_commit,
       costs_nothing_where_the_part_before_is_older_or_another_commit_follows) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  store('z'); // so those above were durable
  tear(0);
  open();
  EXPECT_EQ(read_all().value(), "acz");
}
