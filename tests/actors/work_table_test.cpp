#include "actors/work_table.hpp"

#include "base/clock.hpp"
#include "tests/actors/work_table_fixture.hpp"

#include <map>
#include <set>

using namespace weir;
using namespace weir::work_table_test;
using namespace std::chrono_literals;

TEST(work_table, a_sound_batch_is_handed_through_as_the_worker_made_it) {
  mill m;
  ASSERT_EQ(m.table.submit(make_batch(1, 3), t0), work_table::admission::taken);
  const auto order = m.table.take(7, t0);
  ASSERT_TRUE(order);
  EXPECT_FALSE(m.table.take_done());
  const auto result = worked(*order->batch);
  EXPECT_TRUE(m.table.finish({order->job, result}));
  const auto done = m.table.take_done();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->batch, result) << "nothing is copied on the common path";
  EXPECT_EQ(done->records, 3u);
  EXPECT_TRUE(m.table.empty());
}

TEST(work_table,
     one_poison_record_among_500_costs_three_crashes_and_the_others_stay_one_batch) {
  mill m;
  m.table.submit(make_batch(1, 500, {250}), t0);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(m.crashes, 3);
  ASSERT_EQ(done->records.size(), 499u);
  ASSERT_EQ(done->rejections.size(), 1u);
  const auto& r = done->rejections[0];
  EXPECT_EQ(r.record, 250u);
  EXPECT_EQ(r.line, 250u);
  EXPECT_EQ(r.code, reject::quarantined);
  EXPECT_EQ(r.detail, "crashed 3 workers: boom");
  EXPECT_EQ(r.body, "poison");
  EXPECT_EQ(done->text_of(done->records[0]), "R0");
  EXPECT_EQ(done->text_of(done->records[250]), "R251");
  EXPECT_EQ(done->text_of(done->records[498]), "R499");
  EXPECT_GE(done->text->capacity(), done->text->size() + text_padding);
  EXPECT_FALSE(m.table.take_done()) << "one batch in, one batch out";
  EXPECT_TRUE(m.table.empty());
}

TEST(work_table, twenty_poison_records_in_one_batch_cost_three_crashes_each) {
  mill m;
  std::vector<uint32_t> poison;
  for (uint32_t i = 0; i < 20; ++i)
    poison.push_back(i * 25 + (i % 2)); // the first, neighbours' distances differ
  m.table.submit(make_batch(1, 500, poison), t0);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(m.crashes, 60);
  EXPECT_EQ(done->records.size(), 480u);
  ASSERT_EQ(done->rejections.size(), 20u);
  for (size_t i = 0; i < 20; ++i)
    EXPECT_EQ(done->rejections[i].record, poison[i]) << "in order of record";
}

TEST(work_table, a_batch_of_nothing_but_poison_comes_out_with_no_record_standing) {
  mill m;
  m.table.submit(make_batch(1, 4, {0, 1, 2, 3}), t0);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->records.empty());
  EXPECT_EQ(done->rejections.size(), 4u);
  EXPECT_EQ(m.crashes, 12);
}

TEST(work_table, without_marks_bisection_finds_the_poison_in_few_crashes) {
  mill m;
  m.marks = false;
  m.table.submit(make_batch(1, 500, {333}), t0);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->records.size(), 499u);
  ASSERT_EQ(done->rejections.size(), 1u);
  EXPECT_EQ(done->rejections[0].record, 333u);
  EXPECT_LE(m.crashes, 2 + 9 + 2) << "twice whole, once per halving, twice alone";
  EXPECT_LE(m.table.cuts(), 18u);
}

TEST(work_table, the_first_crash_without_a_mark_repeats_the_whole_batch) {
  mill m;
  m.table.submit(make_batch(1, 10), t0);
  ASSERT_TRUE(m.table.take(1, t0));
  EXPECT_TRUE(m.table.lost(1, loss::crashed, "unlucky"));
  const auto again = m.table.take(2, t0);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->batch->records.size(), 10u);
  EXPECT_EQ(m.table.cuts(), 0u);
}

TEST(work_table, a_worker_that_leaves_in_order_blames_nobody) {
  mill m;
  m.table.submit(make_batch(1, 1), t0);
  for (uint64_t worker = 1; worker <= 10; ++worker) {
    ASSERT_TRUE(m.table.take(worker, t0));
    EXPECT_TRUE(m.table.lost(worker, loss::left, "shutdown"));
  }
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->records.size(), 1u);
}

TEST(work_table, a_mark_that_accuses_an_innocent_record_is_not_believed_again) {
  // The worker dies whenever more than 3 records come together, wherever its mark stands.
  work_table table{work_limits{64, 5s, 3}};
  table.submit(make_batch(1, 64), t0);
  int crashes = 0;
  for (uint64_t worker = 1; worker < 1000; ++worker) {
    const auto order = table.take(worker, t0);
    if (!order)
      break;
    const auto count = static_cast<uint32_t>(order->batch->records.size());
    order->progress->record = count - 1;
    if (count > 3) {
      ++crashes;
      table.lost(worker, loss::crashed, "too many at once");
    } else {
      table.finish({order->job, worked(*order->batch)});
    }
  }
  const auto done = table.take_done();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->batch->records.size(), 64u) << "no record is to blame alone";
  EXPECT_TRUE(done->batch->rejections.empty());
  EXPECT_LE(crashes, 40) << "halving, not one crash per record";
}

TEST(work_table, a_late_result_is_ignored) {
  mill m;
  m.table.submit(make_batch(1, 2), t0);
  const auto first = m.table.take(1, t0);
  ASSERT_TRUE(first);
  m.table.lost(1, loss::hung, {});
  EXPECT_FALSE(m.table.finish({first->job, worked(*first->batch)}));
  const auto second = m.table.take(2, t0);
  ASSERT_TRUE(second);
  EXPECT_NE(second->job, first->job);
  EXPECT_TRUE(m.table.finish({second->job, worked(*second->batch)}));
  EXPECT_FALSE(m.table.finish({second->job, worked(*second->batch)}));
  EXPECT_TRUE(m.table.take_done());
  EXPECT_FALSE(m.table.take_done());
}

TEST(work_table, a_record_that_hangs_two_workers_is_quarantined_as_such) {
  mill m;
  m.how = loss::hung;
  m.table.submit(make_batch(1, 5, {2}), t0);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  ASSERT_EQ(done->rejections.size(), 1u);
  EXPECT_EQ(done->rejections[0].detail, "hung 2 workers: boom");
}

TEST(work_table, an_order_is_overdue_only_past_its_deadline) {
  mill m;
  m.table.submit(make_batch(1, 1), t0);
  m.table.submit(make_batch(2, 1), t0);
  m.table.take(10, t0);
  m.table.take(11, t0 + 1s);
  EXPECT_TRUE(m.table.overdue(t0 + 5s).empty());
  EXPECT_EQ(m.table.overdue(t0 + 5001ms), std::vector<uint64_t>{10});
  EXPECT_EQ(m.table.overdue(t0 + 6001ms), (std::vector<uint64_t>{10, 11}));
}

TEST(work_table, nobody_is_late_by_the_time_the_process_stood_still) {
  mill m;
  m.table.submit(make_batch(1, 1), t0);
  m.table.take(10, t0);
  m.table.excuse(60s);
  EXPECT_TRUE(m.table.overdue(t0 + 65s).empty());
  EXPECT_EQ(m.table.overdue(t0 + 65001ms), std::vector<uint64_t>{10});
}

TEST(work_table, refuses_what_is_over_its_capacity_and_ignores_what_it_has) {
  mill m{2};
  EXPECT_EQ(m.table.submit(make_batch(1, 1), t0), work_table::admission::taken);
  EXPECT_EQ(m.table.submit(make_batch(2, 1), t0), work_table::admission::taken);
  EXPECT_EQ(m.table.submit(make_batch(3, 1), t0), work_table::admission::saturated);
  EXPECT_EQ(m.table.submit(make_batch(1, 1), t0), work_table::admission::duplicate);
  m.table.take(1, t0);
  EXPECT_EQ(m.table.submit(make_batch(1, 1), t0), work_table::admission::duplicate)
    << "held";
  EXPECT_EQ(m.table.depth(), 2u);
}

TEST(work_table, a_batch_without_records_needs_no_worker) {
  mill m;
  m.table.submit(make_batch(1, 0), t0);
  EXPECT_FALSE(m.table.has_queued());
  EXPECT_TRUE(m.table.take_done());
}

TEST(work_table, a_worker_holds_one_order_at_a_time) {
  mill m;
  m.table.submit(make_batch(1, 1), t0);
  m.table.submit(make_batch(2, 1), t0);
  EXPECT_TRUE(m.table.take(1, t0));
  EXPECT_FALSE(m.table.take(1, t0));
}

TEST(work_table, serves_high_priority_first_and_starves_nobody) {
  mill m;
  m.table.submit(make_batch(1, 1, {}, nullptr, priority::low), t0);
  m.table.submit(make_batch(2, 1, {}, nullptr, priority::normal), t0);
  for (uint64_t id = 3; id < 20; ++id)
    m.table.submit(make_batch(id, 1, {}, nullptr, priority::high), t0);
  std::vector<uint64_t> order;
  for (uint64_t worker = 1; worker <= 16; ++worker)
    order.push_back(m.table.take(worker, t0)->batch->source->id);
  EXPECT_EQ(order, (std::vector<uint64_t>{3, 4, 5, 6, 7, 8, 9, 1, 10, 11, 12, 13, 14, 15,
                                          16, 2}));
}

/// Chunk `id` of a streamed request.
static batch_ptr chunk_of(uint64_t request, uint64_t id) {
  auto batch = std::make_shared<record_batch>(*make_batch(id, 1));
  auto source = std::make_shared<envelope>(*batch->source);
  source->parts[0].request = request;
  batch->source = source;
  return batch;
}

TEST(work_table, chunks_of_one_upload_do_not_overtake_each_other) {
  mill m;
  for (uint64_t id = 1; id <= 3; ++id)
    m.table.submit(chunk_of(7, id), t0);
  m.table.submit(chunk_of(8, 4), t0);
  std::map<uint64_t, work_order> held;
  for (uint64_t worker = 1; worker <= 4; ++worker) {
    auto order = m.table.take(worker, t0).value();
    const auto id = order.batch->source->id;
    held.emplace(id, std::move(order));
  }
  const auto finish = [&](uint64_t id) {
    EXPECT_TRUE(m.table.finish({held.at(id).job, worked(*held.at(id).batch)}));
    std::vector<uint64_t> out;
    while (const auto done = m.table.take_done())
      out.push_back(done->batch->source->id);
    return out;
  };
  using ids = std::vector<uint64_t>;
  EXPECT_EQ(finish(3), ids{});
  EXPECT_EQ(finish(4), ids{4}) << "another upload does not wait";
  EXPECT_EQ(finish(1), ids{1}) << "the second one is not there yet";
  EXPECT_EQ(finish(2), (ids{2, 3}));
}

TEST(work_table, a_whole_request_does_not_wait_behind_all_chunks_of_an_upload) {
  mill m;
  for (uint64_t id = 1; id <= 6; ++id)
    m.table.submit(make_batch(id, 1), t0);
  for (uint64_t id = 10; id <= 12; ++id)
    m.table.submit(small_batch(id, 1), t0);
  std::vector<uint64_t> order;
  for (uint64_t worker = 1; worker <= 7; ++worker)
    order.push_back(m.table.take(worker, t0)->batch->source->id);
  EXPECT_EQ(order, (std::vector<uint64_t>{10, 1, 11, 2, 12, 3, 4}));
}

TEST(work_table, batches_that_expire_together_are_answered_oldest_first) {
  mill m;
  const std::vector<uint64_t> arrivals{9, 300, 2, 77, 5, 41, 8};
  for (const auto id : arrivals) {
    auto batch = std::make_shared<record_batch>(*make_batch(id, 1));
    auto source = std::make_shared<envelope>(*batch->source);
    source->deadline = t0 + 1s;
    batch->source = source;
    m.table.submit(batch, t0);
  }
  std::vector<uint64_t> expired;
  for (const auto& batch : m.table.expire(t0 + 2s))
    expired.push_back(batch->source->id);
  EXPECT_EQ(expired, arrivals);
}

TEST(work_table, a_batch_in_pieces_does_not_expire_but_gets_rid_of_its_poison) {
  mill m;
  m.how = loss::hung;
  auto batch = std::make_shared<record_batch>(*make_batch(1, 5, {2, 4}));
  auto source = std::make_shared<envelope>(*batch->source);
  source->deadline = t0 + 1s;
  batch->source = source;
  m.table.submit(batch, t0);
  m.turn();
  EXPECT_TRUE(m.table.expire(t0 + 2s).empty());
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->records.size(), 3u);
  EXPECT_EQ(m.crashes, 4) << "two workers for each";
}

TEST(work_table, drops_what_nobody_waits_for_unless_it_is_held_or_answered) {
  mill m;
  const auto with_deadline = [](uint64_t id, ack_level ack) {
    auto batch = std::make_shared<record_batch>(*make_batch(id, 1));
    auto source = std::make_shared<envelope>(*batch->source);
    source->deadline = t0 + 1s;
    source->parts[0].ack = ack;
    batch->source = source;
    return batch;
  };
  m.table.submit(with_deadline(1, ack_level::durable), t0);
  m.table.submit(with_deadline(2, ack_level::durable), t0);
  m.table.submit(with_deadline(3, ack_level::accepted), t0);
  m.table.submit(make_batch(4, 1), t0); // without a deadline
  m.table.take(1, t0);                  // holds batch 1
  EXPECT_TRUE(m.table.expire(t0 + 1s).empty());
  const auto expired = m.table.expire(t0 + 1001ms);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0]->source->id, 2u);
  EXPECT_EQ(m.table.take(2, t0)->batch->source->id, 3u);
  EXPECT_EQ(m.table.take(3, t0)->batch->source->id, 4u);
  EXPECT_FALSE(m.table.has_queued());
}

TEST(work_table, merging_keeps_earlier_rejections_and_adds_up_what_was_dropped) {
  auto whole = std::make_shared<record_batch>(*make_batch(1, 4));
  whole->rejections.push_back({0, 9, 9, reject::malformed_json, "", "before", ""});
  whole->dropped = {5};
  auto left = std::make_shared<record_batch>(*whole),
       right = std::make_shared<record_batch>(*whole);
  left->records = {whole->records[2]};
  left->rejections = {{0, 3, 3, reject::schema_violation, "/a", "new", ""}};
  left->dropped = {};
  right->records = {whole->records[0]};
  right->rejections = {};
  right->dropped = {1};
  const auto merged = merge(*whole, {left, right}, {});
  EXPECT_EQ(texts(*merged), (std::vector<std::string>{"r0", "r2"}));
  ASSERT_EQ(merged->rejections.size(), 2u);
  EXPECT_EQ(merged->rejections[0].detail, "before");
  EXPECT_EQ(merged->rejections[1].detail, "new");
  EXPECT_EQ(merged->dropped, std::vector<uint32_t>{6});
}

TEST(work_table, merging_keeps_the_parts_of_a_record_in_their_order) {
  const auto whole = make_batch(1, 60);
  auto left = std::make_shared<record_batch>(*whole),
       right = std::make_shared<record_batch>(*whole);
  left->records.erase(left->records.begin(), left->records.begin() + 10);
  std::vector<std::string> expected{"r0"};
  for (auto& ref : left->records) {
    expected.emplace_back(whole->text_of(ref));
    ref.record = 5;
  }
  right->records.resize(1);
  EXPECT_EQ(texts(*merge(*whole, {left, right}, {})), expected);
}

namespace {

/// Random batches, workers that crash, hang, leave, lie about their marks and answer
/// late, in any order.
struct chaos {
  random_source random;
  work_table table{work_limits{8, 5s, 3}};
  std::vector<std::pair<uint64_t, work_order>> held;
  std::vector<work_order> given_up;
  std::map<uint64_t, batch_ptr> sent;
  std::map<uint64_t, batch_ptr> got;
  uint64_t next_worker = 1, next_batch = 1;
  work_table::time_point now = t0;
  bool calm = false; ///< only poison kills

  explicit chaos(uint64_t seed) : random(seed) {}
  bool chance(double p) { return random.fraction() < p; }

  void submit() {
    const auto count = static_cast<uint32_t>(random.next() % 40);
    std::vector<uint32_t> poison;
    for (uint32_t i = 0; i < count; ++i)
      if (chance(0.05))
        poison.push_back(i);
    const auto batch = make_batch(next_batch, count, poison, nullptr,
                                  static_cast<priority>(random.next() % 3));
    if (table.submit(batch, now) == work_table::admission::taken)
      sent[next_batch++] = batch;
  }

  /// The worker at `at` goes through its records until something happens.
  void work(size_t at) {
    auto [worker, order] = held[at];
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    const bool marks = calm || chance(0.8);
    for (uint32_t i = 0; i < order.batch->records.size(); ++i) {
      if (marks)
        order.progress->record = i;
      const bool poison = order.batch->text_of(order.batch->records[i]) == "poison";
      if (!poison && (calm || !chance(0.002)))
        continue;
      given_up.push_back(order);
      table.lost(worker, chance(0.3) ? loss::hung : loss::crashed, "boom");
      return;
    }
    if (!calm && chance(0.05))
      return void(table.lost(worker, loss::left, ""));
    EXPECT_TRUE(table.finish({order.job, worked(*order.batch)}));
  }

  void step() {
    now += 1ms;
    if (chance(0.1) && next_batch < 60)
      submit();
    if (const auto order = held.size() < 5 ? table.take(next_worker, now) : std::nullopt)
      held.emplace_back(next_worker++, *order);
    if (!held.empty() && chance(0.7))
      work(random.next() % held.size());
    if (!given_up.empty() && chance(0.1)) { // a hung worker comes back with a result
      EXPECT_FALSE(table.finish({given_up.back().job, worked(*given_up.back().batch)}));
      given_up.pop_back();
    }
    while (auto done = table.take_done()) {
      const auto id = done->batch->source->id;
      EXPECT_TRUE(got.emplace(id, done->batch).second)
        << "batch " << id << " came out twice";
    }
  }

  void run() {
    for (int i = 0; i < 20'000 && (next_batch < 60 || !table.empty()); ++i)
      step();
  }

  void check(const batch_ptr& in, const batch_ptr& out) const {
    std::set<uint32_t> seen;
    uint32_t last = 0;
    for (const auto& ref : out->records) {
      EXPECT_TRUE(seen.insert(ref.record).second);
      EXPECT_GE(ref.record, last);
      last = ref.record;
      EXPECT_EQ(out->text_of(ref), "R" + std::to_string(ref.record));
    }
    for (const auto& r : out->rejections) {
      EXPECT_TRUE(seen.insert(r.record).second) << "both standing and rejected";
      if (calm) {
        EXPECT_EQ(r.body, "poison");
      }
    }
    EXPECT_EQ(seen.size(), in->records.size()) << "a record has vanished";
  }
};

} // namespace

TEST(work_table, whatever_workers_do_every_record_ends_in_exactly_one_place) {
  const auto seed = test_seed();
  for (uint64_t round = 0; round < 200; ++round) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    chaos c{seed + round};
    c.calm = round % 2 == 0;
    c.run();
    ASSERT_EQ(c.got.size(), c.sent.size()) << "a batch is stuck";
    uint64_t records = 0;
    for (const auto& [id, batch] : c.sent) {
      c.check(batch, c.got[id]);
      records += batch->records.size();
    }
    EXPECT_LE(c.table.cuts(), 3 * records);
    EXPECT_TRUE(c.table.empty());
    EXPECT_FALSE(c.table.has_queued());
    ASSERT_FALSE(HasFailure());
  }
}
