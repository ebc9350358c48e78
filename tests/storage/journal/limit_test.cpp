// What the journal takes of the disk, whatever fails.
#include "tests/storage/journal/damage_fixture.hpp"

using namespace weir;

namespace {

struct journal_limit : journal_damage {
  void SetUp() override {
    config = small_journal(uint64_t{64} << 10, 2);
    open();
  }
  /// A group that is written and not synced, so its segment must end before it.
  void fail_to_store(uint64_t key) {
    writer->add(simple_batch({2, key}, {std::string(1000, 'x')}));
    disk.faults.syncs_until_error = 0;
    ASSERT_NE(writer->commit()[0]->parts[0].outcome, ec::none);
  }
};

} // namespace

TEST_F(journal_limit, is_passed_by_one_segment_however_often_a_sync_fails) {
  store('a');
  for (uint64_t failure = 1; failure <= 6; ++failure) {
    fail_to_store(failure);
    EXPECT_LE(writer->bytes_on_disk(), config.bytes_max + config.segment_bytes)
      << "failure " << failure;
    disk.faults = {};
    (void)writer->retry();
  }
  EXPECT_EQ(read_all().value(), "a");
  open();
  EXPECT_EQ(read_all().value(), "a") << "what was refused does not come back";
}

TEST_F(journal_limit, is_kept_again_once_the_readers_have_passed) {
  store('a');
  for (uint64_t failure = 1; failure <= 4; ++failure)
    fail_to_store(failure);
  disk.faults = {};
  ASSERT_TRUE(writer->release(writer->durable_end()));
  (void)writer->retry(); // there is no room for a segment ahead yet
  store('b');
  EXPECT_LE(writer->bytes_on_disk(), config.bytes_max);
  EXPECT_EQ(read_all(ends[0]).value(), "b");
}
