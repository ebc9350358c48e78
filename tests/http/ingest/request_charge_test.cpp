// What a request holds of the budget, step by step, with the real gate and nothing else.
#include "http/ingest/request_charge.hpp"

#include "http/ingest/ingest_terms.hpp"
#include "records/transform/plan.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <random>
#include <utility>

using namespace weir;

namespace {

constexpr size_t kib = 1024;

struct charge_steps : ::testing::Test {
  ingest_config config;
  stream_spec stream;
  ingest_terms terms;
  admission gate{{.bytes_max = size_t{64} << 20, .batches_max = 8, .waiters_max = 1}};

  charge_steps() { terms.stream = &stream; }

  request_charge fresh() { return {gate, config, terms}; }
  void grant(request_charge& held, const claim& what) {
    ASSERT_EQ(gate.enter(what, priority::normal, admission_policy::reject, {}).what,
              admission::verdict::granted);
    held.granted(what);
  }
  /// All that is free is somebody else's.
  void fill() {
    const auto used = gate.used().bytes;
    ASSERT_EQ(gate
                .enter({(size_t{64} << 20) - used, 0}, priority::normal,
                       admission_policy::reject, {})
                .what,
              admission::verdict::granted);
  }
  size_t used() const { return gate.used().bytes; }
};

} // namespace

TEST_F(charge_steps, a_small_body_takes_no_batch_credit_and_a_larger_one_does) {
  auto held = fresh();
  terms.length = 1000;
  EXPECT_EQ(held.first_claim().batches, 0u);
  EXPECT_EQ(held.first_claim().bytes, budget_charge(config, 1000));
  terms.length = config.coalesce_bytes + 1;
  EXPECT_EQ(held.first_claim().batches, 1u);
  EXPECT_EQ(held.first_claim().bytes, unread_charge(config, config.coalesce_bytes + 1));
}

/// Its parts need room that only a batch of its own is charged for.
TEST_F(charge_steps, a_body_whose_records_are_split_gathers_with_no_other) {
  const auto steps =
    plan::compile(nlohmann::json::parse(R"([{"split":"logs"}])"), "test", {});
  ASSERT_TRUE(steps) << steps.error().text;
  terms.length = 1000;
  EXPECT_EQ(fresh().gathers(1000), gathered::small);
  EXPECT_EQ(fresh().gathers(config.coalesce_bytes + 1), gathered::large);
  stream.steps = *steps;
  EXPECT_EQ(fresh().gathers(1000), gathered::no);
  EXPECT_EQ(fresh().gathers(config.coalesce_bytes + 1), gathered::no);
  EXPECT_EQ(fresh().first_claim().batches, 1u);
}

TEST_F(charge_steps, a_body_of_unknown_length_pays_for_a_batch_and_its_reader) {
  auto held = fresh();
  const auto first = held.first_claim();
  EXPECT_EQ(first.bytes, batch_charge(config) + reader_bytes);
  grant(held, first);
  EXPECT_EQ(held.for_reader(), reader_bytes);
  EXPECT_EQ(held.for_decoder(), 0u);
  EXPECT_TRUE(held.cover_reader()) << "it was charged at the gate";
  EXPECT_EQ(used(), first.bytes);
}

TEST_F(charge_steps, a_coded_body_pays_for_its_decoder_and_for_a_larger_window) {
  auto held = fresh();
  terms.length = 1000;
  terms.coding = "zstd";
  grant(held, held.first_claim());
  const auto usual = held.for_decoder();
  EXPECT_GT(usual, 0u);
  EXPECT_EQ(held.for_reader(), reader_bytes + usual);
  held.return_batch();
  grant(held, held.next_claim(100 * kib));
  EXPECT_EQ(held.for_decoder(), usual + 100 * kib);
  EXPECT_TRUE(held.cover_decoder(kib));
  EXPECT_EQ(held.for_decoder(), usual + 101 * kib);
  EXPECT_EQ(used(), batch_charge(config) + reader_bytes + usual + 101 * kib);
  fill();
  EXPECT_FALSE(held.cover_decoder(kib));
  EXPECT_EQ(held.for_decoder(), usual + 101 * kib);
}

TEST_F(charge_steps, rows_that_weigh_more_than_their_bytes_are_covered_or_refused) {
  auto held = fresh();
  terms.length = 1000;
  grant(held, held.first_claim());
  EXPECT_TRUE(held.cover_batch(1500, 1, gathered::small))
    << "a little is not worth a lock";
  EXPECT_EQ(used(), budget_charge(config, 1000));
  EXPECT_TRUE(held.cover_batch(100 * kib, 1, gathered::large));
  EXPECT_EQ(used(), budget_charge(config, 100 * kib));
  EXPECT_EQ(gate.used().batches, 1u) << "it is no small one any more";
  fill();
  EXPECT_FALSE(held.cover_batch(200 * kib, 1, gathered::large));
  EXPECT_TRUE(held.cover_batch(100 * kib, 1, gathered::large)) << "it has that already";
}

TEST_F(charge_steps, many_short_records_are_covered_before_they_are_cut) {
  auto held = fresh();
  terms.length = 60 * kib;
  const auto first = held.first_claim();
  grant(held, first);
  EXPECT_TRUE(held.cover_reader());
  EXPECT_EQ(used(), std::max(unread_charge(config, 60 * kib), first.bytes));
}

TEST_F(charge_steps,
       what_a_batch_does_not_need_goes_back_or_pays_for_the_next_ones_text) {
  auto held = fresh();
  grant(held, held.first_claim());
  const auto before = used();
  EXPECT_TRUE(held.keep_text(200 * kib, 1000, 1));
  EXPECT_EQ(used(), before) << "the batch has paid";
  EXPECT_EQ(held.for_reader(), reader_bytes + 200 * kib);
  EXPECT_TRUE(held.keep_text(10 * kib, 1000, 1));
  EXPECT_EQ(held.for_reader(), reader_bytes) << "little text is not counted";
  held.return_surplus(1000, 1, false);
  EXPECT_EQ(used(), reader_bytes + budget_charge(config, 1000, 1));
  EXPECT_EQ(gate.used().batches, 1u);
  held.return_surplus(1000, 1, true);
  EXPECT_EQ(gate.used().batches, 0u);
}

TEST_F(charge_steps, text_that_nobody_can_pay_for_fails_the_body) {
  auto held = fresh();
  grant(held, held.first_claim());
  fill();
  EXPECT_FALSE(held.keep_text(100 * kib, config.batch_bytes, config.batch_records));
}

TEST_F(charge_steps, the_readers_part_is_given_back_with_the_reader) {
  auto held = fresh();
  grant(held, held.first_claim());
  held.return_reader();
  EXPECT_EQ(held.for_reader(), 0u);
  EXPECT_EQ(used(), batch_charge(config));
  held.return_batch();
  EXPECT_EQ(used(), 0u);
}

TEST_F(charge_steps, what_goes_with_the_batch_is_not_given_back_here) {
  claim gone;
  {
    auto held = fresh();
    grant(held, held.first_claim());
    gone = held.take_batch();
    EXPECT_EQ(gone.bytes, batch_charge(config));
    EXPECT_EQ(gone.batches, 1u);
  }
  EXPECT_EQ(used(), gone.bytes) << "but the reader's part is";
}

TEST_F(charge_steps, a_parked_charge_is_given_back_once_and_later) {
  std::optional<request_charge> parked;
  {
    auto held = fresh();
    grant(held, held.first_claim());
    parked.emplace(std::move(held));
  }
  EXPECT_GT(used(), 0u);
  parked.reset();
  EXPECT_EQ(used(), 0u);
  EXPECT_EQ(gate.used().batches, 0u);
}

/// Whatever is asked, refused and returned in whatever order: at the end all of it is back.
TEST_F(charge_steps, nothing_stays_behind) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 dice{seed};
    claim with_batches;
    terms.coding = dice() % 2 == 0 ? "" : "gzip";
    terms.length.reset();
    if (dice() % 2 == 0)
      terms.length = dice() % (2 * config.batch_bytes);
    {
      auto held = fresh();
      grant(held, held.first_claim());
      for (int step = 0; step < 20; ++step) {
        const auto weight = dice() % config.batch_bytes;
        const auto records = dice() % config.batch_records;
        switch (dice() % 7) {
        case 0:
          (void)held.cover_reader();
          break;
        case 1:
          (void)held.cover_batch(weight, records, gathered::no);
          break;
        case 2:
          (void)held.keep_text(dice() % config.batch_bytes, weight, records);
          break;
        case 3:
          held.return_surplus(weight, records, dice() % 2 == 0);
          break;
        case 4:
          held.return_reader();
          break;
        case 5:
          (void)held.cover_decoder(dice() % (size_t{16} << 20));
          break;
        default:
          const auto gone = held.take_batch();
          with_batches.bytes += gone.bytes;
          with_batches.batches += gone.batches;
          if (const auto next = held.next_claim();
              gate.enter(next, priority::normal, admission_policy::reject, {}).what
              == admission::verdict::granted)
            held.granted(next);
        }
        if (dice() % 2 == 0) // a receipt
          gate.return_unused(std::exchange(with_batches, {}));
      }
    }
    ASSERT_EQ(used(), with_batches.bytes) << "seed " << seed;
    ASSERT_EQ(gate.used().batches, with_batches.batches) << "seed " << seed;
    gate.return_unused(with_batches);
  }
}
