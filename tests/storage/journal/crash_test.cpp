// The journal against a model, on a disk that fails and loses power. Every run is named
// by its seed; WEIR_SEED=n runs one seed alone.
#include "storage/journal/journal.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"
#include "tests/storage/journal/held_errands.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>

using namespace weir;

namespace {

/// What the journal owes for one part.
enum class owed : uint8_t {
  nothing_yet, ///< not answered: may be stored or not, but whole
  presence,    ///< answered with success
  absence,     ///< answered with a failure
  undecided,   ///< refused while the disk took no mark: absence from the next segment on
  released,    ///< its segment may be gone
};

struct model_part {
  owed what = owed::nothing_yet;
  bool keyed = false;
  std::vector<std::string> records;
  size_t dead_letters = 0;
  uint64_t last_sequence = 0;
};

class crash_run {
 public:
  explicit crash_run(uint64_t seed) : random_(seed), disk_(seed * 7919 + 1) {
    config_.directory = "j";
    config_.segment_bytes = uint64_t{64} << 10;
    config_.keys_max = config_.recent_keys_max = 4096;
    config_.bytes_max = (5 + pick(6)) * config_.segment_bytes;
    if (seed % 2 == 0)
      config_.errands = errands_;
  }

  void run() {
    reopen();
    const auto steps = 20 + pick(40);
    for (uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i)
      step();
    crash();
  }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  uint64_t pick(uint64_t below) { return random_.next() % below; }

  void step() {
    if (pick(3) == 0)
      errands_->finish();
    const auto dice = pick(100);
    if (dice < 45)
      add();
    else if (dice < 65)
      commit();
    else if (dice < 70)
      (void)writer_->prepare();
    else if (dice < 76)
      retry();
    else if (dice < 88)
      inject();
    else if (dice < 93)
      release();
    else if (dice < 97)
      crash_in_commit();
    else
      crash();
  }

  void add() {
    batch_builder build;
    std::vector<batch_key> keys;
    const auto parts = 1 + pick(3);
    for (uint64_t p = 0; p < parts; ++p) {
      const bool again = !parts_.empty() && pick(6) == 0;
      const batch_key key =
        again ? batch_key{1, 1 + pick(next_key_)} : batch_key{1, ++next_key_};
      auto& part = parts_[key];
      if (part.what == owed::released && !part.keyed)
        continue; // its key is forgotten with its segment: an unkeyed part does not come
                  // again
      if (part.records.empty() && part.dead_letters == 0)
        fill(part);
      pending_.push_back(key);
      build.part(key, part.keyed, key.low);
      for (const auto& body : part.records)
        build.record(body);
      for (size_t d = 0; d < part.dead_letters; ++d)
        build.reject_record(reject::quarantined, "poison");
    }
    if (!build.source().parts.empty())
      writer_->add(build.done());
  }

  void fill(model_part& part) {
    part.keyed = pick(2) == 0;
    const auto records = pick(5);
    for (uint64_t r = 0; r < records; ++r)
      part.records.emplace_back(1 + pick(pick(8) == 0 ? 30'000 : 900),
                                static_cast<char>('a' + pick(26)));
    part.dead_letters = records == 0 || pick(9) == 0 ? 1 : 0;
  }

  void commit() {
    const auto receipts = writer_->commit();
    pending_.clear();
    for (const auto& receipt : receipts)
      for (const auto& answer : receipt->parts)
        note(answer);
    settle_undecided();
  }

  void note(const part_receipt& answer) {
    auto& part = parts_.at(answer.key);
    if (answer.outcome == ec::none) {
      ASSERT_EQ(answer.accepted, part.records.size());
      if (part.what == owed::presence || part.what == owed::released) {
        ASSERT_EQ(answer.duplicate, part.keyed);
        ASSERT_EQ(answer.last_sequence, part.last_sequence);
      } else {
        part.what = owed::presence;
        part.last_sequence = answer.last_sequence;
        ++acknowledged_;
      }
    } else if (part.what != owed::presence && part.what != owed::released) {
      ASSERT_TRUE(answer.outcome == ec::journal_full
                  || answer.outcome == ec::storage_failed
                  || answer.outcome == ec::body_too_large);
      const bool open = answer.detail.find("may be stored") != std::string::npos;
      part.what = open ? owed::undecided : owed::absence;
    }
  }

  void settle_undecided() {
    const auto segment = writer_->durable_end().segment;
    if (segment != segment_)
      for (auto& [key, part] : parts_)
        if (part.what == owed::undecided)
          part.what = owed::absence;
    segment_ = segment;
  }

  void retry() {
    if (pick(2) == 0)
      disk_.faults = {};
    (void)writer_->retry();
    settle_undecided();
  }

  void inject() {
    switch (pick(7)) {
    case 0:
      disk_.faults.writes_until_error = static_cast<int>(pick(3));
      break;
    case 1:
      disk_.faults.syncs_until_error = static_cast<int>(pick(3));
      break;
    case 2:
      disk_.faults.directory_syncs_until_error = 0;
      break;
    case 3:
      disk_.faults.creates_until_error = 0;
      break;
    case 4:
      disk_.faults.dead = true;
      break;
    case 5:
      disk_.faults.quota_bytes = disk_.used_bytes() + pick(100'000);
      break;
    default:
      disk_.faults = {};
    }
  }

  void release() {
    const auto frames = read_all();
    if (frames.empty())
      return;
    const auto slowest = frames[pick(frames.size())].next;
    if (!writer_->release(slowest))
      disk_.faults = {};
    for (const auto& frame : frames)
      if (frame.next.segment < slowest.segment)
        parts_.at(frame.key).what = owed::released;
    settle_undecided();
  }

  /// The power goes in the middle of a commit: nobody hears of its fate.
  void crash_in_commit() {
    disk_.faults.operations_until_dead = static_cast<int>(pick(7));
    (void)writer_->commit();
    for (const auto& key : pending_)
      if (auto& part = parts_.at(key); part.what == owed::absence)
        part.what = owed::nothing_yet;
    writer_.reset();
    disk_.crash();
    reopen();
    verify();
  }

  /// The process dies between two calls or during an errand, with the power or without.
  void crash() {
    const bool power = pick(3) != 0;
    if (power && pick(2) == 0)
      disk_.faults.operations_until_dead = static_cast<int>(pick(5));
    writer_.reset();
    if (power)
      disk_.crash();
    else if (pick(2) == 0)
      disk_.faults = {};
    reopen();
    verify();
  }

  void reopen() {
    pending_.clear();
    if (pick(4) == 0)
      disk_.faults.operations_until_dead = static_cast<int>(pick(9));
    for (int attempt = 0; !writer_; ++attempt) {
      ASSERT_LT(attempt, 3) << "a healthy disk must open";
      recovery_report report;
      auto opened = journal_writer::open(config_, disk_, clock_, 0, report);
      quarantined_ += report.frames_quarantined;
      if (opened) {
        writer_ = std::move(*opened);
        disk_.faults.operations_until_dead = -1;
        break;
      }
      if (pick(2) == 0)
        disk_.crash();
      disk_.faults = {};
    }
    segment_ = writer_->durable_end().segment;
    writer_->remember(keys_of_the_sink());
  }

  std::vector<remembered_key> keys_of_the_sink() const {
    std::vector<remembered_key> keys;
    for (const auto& [key, part] : parts_)
      if (part.what == owed::released && part.keyed)
        keys.push_back({{{}, static_cast<uint32_t>(part.records.size())},
                        key,
                        key.low,
                        part.last_sequence,
                        0});
    return keys;
  }

  std::vector<frame_view> read_all() {
    std::vector<frame_view> all;
    auto opened = journal_reader::open(config_.directory, disk_, {});
    EXPECT_TRUE(opened);
    const auto until = writer_->durable_end();
    for (;;) {
      const auto frames = (*opened)->read(until, 1 + pick(50), 1 + pick(100'000));
      EXPECT_TRUE(frames) << frames.error().text;
      if (!frames || frames->empty())
        break;
      for (const auto& frame : *frames) {
        check(frame);
        all.push_back(frame);
        all.back().records.clear(); // views end with the next read
      }
    }
    EXPECT_EQ((*opened)->position(), until);
    return all;
  }

  void check(const frame_view& frame) {
    const auto found = parts_.find(frame.key);
    ASSERT_NE(found, parts_.end()) << "a frame nobody wrote";
    const auto& part = found->second;
    ASSERT_EQ(frame.records.size(), part.records.size());
    for (size_t i = 0; i < part.records.size(); ++i)
      ASSERT_EQ(frame.records[i], part.records[i]);
    ASSERT_EQ(frame.dead_letters.size(), part.dead_letters);
    ASSERT_EQ(frame.stream, "web");
    ASSERT_EQ(frame.keyed, part.keyed);
  }

  void verify() {
    std::map<batch_key, int> seen;
    std::optional<uint64_t> next;
    std::vector<std::pair<batch_key, uint64_t>> lasts;
    for (const auto& frame : read_all()) {
      const auto& part = parts_.at(frame.key);
      ++seen[frame.key];
      if (next && quarantined_ == 0) {
        ASSERT_EQ(frame.first_sequence, *next) << "a gap or an overlap in the sequence";
      }
      if (next) {
        ASSERT_GE(frame.first_sequence, *next);
      }
      next = frame.first_sequence + part.records.size();
      if (part.what == owed::presence && !part.records.empty()) {
        ASSERT_EQ(part.last_sequence, *next - 1);
      }
      lasts.emplace_back(frame.key, part.records.empty() ? 0 : *next - 1);
    }
    for (auto& [key, part] : parts_) {
      const auto times = seen.contains(key) ? seen[key] : 0;
      ASSERT_LE(times, 1) << "stored twice: key " << key.low;
      if (part.what == owed::presence) {
        ASSERT_EQ(times, 1) << "acknowledged and lost: key " << key.low;
      }
      if (part.what == owed::absence) {
        ASSERT_EQ(times, 0) << "refused and stored: key " << key.low;
      }
      if (part.what == owed::undecided || part.what == owed::nothing_yet)
        part.what =
          times == 1 ? owed::presence : owed::absence; // what recovery made of it stays
    }
    for (const auto& [key, last] : lasts)
      parts_.at(key).last_sequence = last;
  }

  random_source random_;
  simulated_disk disk_;
  manual_clock clock_;
  journal_config config_;
  std::shared_ptr<held_errands> errands_ = std::make_shared<held_errands>();
  std::unique_ptr<journal_writer> writer_;
  std::map<batch_key, model_part> parts_;
  std::vector<batch_key> pending_; ///< added since the last commit
  uint64_t next_key_ = 0;
  uint64_t segment_ = 0;
  uint64_t quarantined_ = 0;
  uint64_t acknowledged_ = 0;
};

} // namespace

TEST(journal_crash, loses_nothing_acknowledged_and_keeps_nothing_refused) {
  const char* const alone = std::getenv("WEIR_SEED");
  const uint64_t first = alone ? std::strtoull(alone, nullptr, 10) : 1;
  const uint64_t last = alone ? first : 3000;
  uint64_t acknowledged = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    crash_run run{seed};
    run.run();
    acknowledged += run.acknowledged();
    ASSERT_FALSE(HasFailure()) << "repeat with WEIR_SEED=" << seed;
  }
  EXPECT_GT(acknowledged, alone ? 0u : 10'000u) << "the runs must get somewhere";
}
