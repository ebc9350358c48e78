#include "http/ingest/keyed_body.hpp"

#include "http/ingest/ingest_request.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

using namespace weir;

namespace {

struct piece {
  body_cut cut;
  bool last = false;
};

/// As a body reader cuts it, with at most so many records a batch.
std::vector<piece> cut_up(std::string_view body, uint32_t records, body_format format) {
  body_terms terms;
  terms.format = format;
  terms.length = body.size();
  terms.body_bytes_max = 1 << 20;
  terms.batch_bytes = 1 << 20;
  terms.batch_records = records;
  terms.framing.record_bytes_max = 4096;
  terms.keyed = true;
  auto reader = std::move(*body_reader::make(std::move(terms)));
  std::vector<piece> pieces;
  while (true) {
    const auto step = reader->next();
    if (!step)
      ADD_FAILURE() << step.error().text;
    if (!step)
      return pieces;
    if (*step == body_reader::step::more) {
      body.remove_prefix(*reader->feed(body.substr(0, 7)));
      continue;
    }
    pieces.push_back({reader->take(), *step == body_reader::step::end});
    if (pieces.back().last)
      return pieces;
  }
}

/// What a journal knows when the first `count` pieces are stored.
stored_prefix stored(const std::vector<piece>& pieces, size_t count) {
  stored_prefix known;
  for (size_t i = 0; i < count; ++i) {
    known.records += pieces[i].cut.records.size();
    known.fingerprint = pieces[i].last ? pieces[i].cut.fingerprint
                                       : open_fingerprint(pieces[i].cut.fingerprint);
  }
  known.accepted = known.records;
  return known;
}

std::string text_of(const body_cut& cut, size_t i) {
  return cut.bytes.substr(cut.records[i].offset, cut.records[i].size);
}

struct outcome {
  bool another = false;
  uint64_t skipped = 0;
  std::vector<std::string> sent;
  std::vector<std::pair<uint64_t, uint64_t>> places; ///< record and line of each, from 0

  void add(const body_cut& cut) {
    for (size_t i = 0; i < cut.records.size(); ++i) {
      sent.push_back(text_of(cut, i));
      places.emplace_back(cut.record_base + cut.records[i].record,
                          cut.line_base + cut.records[i].line);
    }
  }
};

/// Sends a body of which `known` is stored.
outcome send(std::vector<piece> pieces, const stored_prefix& known) {
  outcome out;
  for (auto& [cut, last] : pieces) {
    if (known.records <= cut.record_base) {
      out.add(cut);
      continue;
    }
    const auto fingerprint = cut.fingerprint;
    auto found = what_is_new(std::move(cut), last, known);
    if (!found) {
      EXPECT_EQ(found.error().code, ec::key_reused);
      out.another = true;
      return out;
    }
    out.skipped += found->known;
    if (!found->rest)
      continue;
    EXPECT_EQ(found->rest->record_base, known.records);
    EXPECT_EQ(found->rest->fingerprint, fingerprint);
    out.add(*found->rest);
  }
  return out;
}

std::string numbered(int from, int to) {
  std::string body;
  for (int i = from; i < to; ++i)
    body += "{\"n\":" + std::to_string(i) + "}\n";
  return body;
}

} // namespace

TEST(keyed_body, of_the_same_body_only_what_is_not_stored_is_new_however_it_is_cut) {
  const auto body = numbered(0, 20);
  for (const uint32_t before : {1u, 3u, 7u, 20u, 100u})
    for (const uint32_t now : {1u, 2u, 7u, 19u, 20u, 21u}) {
      const auto first = cut_up(body, before, body_format::ndjson);
      for (size_t count = 1; count <= first.size(); ++count) {
        const auto known = stored(first, count);
        const auto out = send(cut_up(body, now, body_format::ndjson), known);
        ASSERT_FALSE(out.another) << before << ' ' << now << ' ' << count;
        ASSERT_EQ(out.skipped, known.records);
        ASSERT_EQ(out.sent.size(), 20 - known.records);
        for (size_t i = 0; i < out.sent.size(); ++i) {
          const auto number = known.records + i;
          ASSERT_EQ(out.sent[i], "{\"n\":" + std::to_string(number) + "}");
          ASSERT_EQ(out.places[i], std::pair(number, number)) << now << ' ' << count;
        }
      }
    }
}

TEST(keyed_body, that_is_longer_or_shorter_than_the_stored_one_is_another) {
  for (const uint32_t before : {1u, 4u, 100u})
    for (const uint32_t now : {1u, 3u, 4u, 8u, 100u}) {
      const auto first = cut_up(numbered(0, 8), before, body_format::ndjson);
      const auto known = stored(first, first.size());
      for (const int records : {1, 3, 4, 7, 9, 12, 16}) {
        const auto out =
          send(cut_up(numbered(0, records), now, body_format::ndjson), known);
        EXPECT_TRUE(out.another) << before << ' ' << now << ' ' << records;
        EXPECT_TRUE(out.sent.empty()) << before << ' ' << now << ' ' << records;
      }
    }
}

TEST(keyed_body, that_ends_where_a_batch_of_a_longer_one_did_is_another) {
  const auto longer = cut_up(numbered(0, 9), 3, body_format::ndjson);
  for (const uint32_t now : {1u, 2u, 3u, 4u})
    for (const size_t count : {1, 2}) {
      const auto records = static_cast<int>(3 * count);
      const auto out = send(cut_up(numbered(0, records), now, body_format::ndjson),
                            stored(longer, count));
      EXPECT_TRUE(out.another) << now << ' ' << count;
      EXPECT_TRUE(out.sent.empty()) << now << ' ' << count;
    }
}

TEST(keyed_body, what_was_said_of_a_header_is_part_of_it) {
  csv_header said, other;
  said.said = 1;
  other.said = 2;
  const auto print = [](const csv_header* header, body_format format = body_format::csv) {
    return closed_fingerprint("1,2\n", format, header);
  };
  const std::set<uint64_t> all{print(nullptr), print(&said), print(&other),
                               print(nullptr, body_format::text)};
  EXPECT_EQ(all.size(), 4u);
}

TEST(ingest_requests, that_turn_out_to_be_another_body_have_nothing_durable) {
  const auto stored_one = cut_up(numbered(0, 9), 9, body_format::ndjson);
  auto known = stored(stored_one, 1);
  known.last_sequence = 33;
  for (const bool same : {true, false}) {
    auto now = cut_up(same ? numbered(0, 9) : numbered(0, 3) + numbered(13, 19), 3,
                      body_format::ndjson);
    ingest_request request{nullptr, ack_level::stored};
    request.add_chunk(3, {});
    request.sent();
    EXPECT_EQ(request.recall(std::move(now[0].cut), false, known), 3u);
    EXPECT_EQ(request.durable_records(), 0u) << "the stored body may be another";
    EXPECT_TRUE(request.skip(std::move(now[1].cut), false));
    EXPECT_EQ(request.durable_records(), 0u) << "and it may be still";
    EXPECT_EQ(request.skip(std::move(now[2].cut), true).has_value(), same);
    EXPECT_EQ(request.durable_records(), same ? 9u : 0u);
    EXPECT_EQ(request.last_sequence(), same ? 33u : 0u)
      << "the sink is waited for up to it";
  }
}

TEST(ingest_requests, wait_for_the_highest_number_in_whatever_order_receipts_come) {
  ingest_request request{nullptr, ack_level::stored};
  batch_part part;
  for (uint32_t i = 0; i < 3; ++i) {
    request.add_chunk(1, {});
    request.sent();
  }
  for (const auto& [chunk, sequence] :
       {std::pair{1u, 20u}, std::pair{2u, 30u}, std::pair{0u, 10u}}) {
    part_receipt stored_one;
    stored_one.accepted = 1;
    stored_one.last_sequence = sequence;
    request.settle(chunk, part, stored_one, {});
  }
  EXPECT_EQ(request.last_sequence(), 30u);
  request.reached_sink(29);
  EXPECT_FALSE(request.in_sink());
  request.reached_sink(30);
  EXPECT_TRUE(request.in_sink());
}

TEST(ingest_requests, say_of_several_failures_the_first_that_may_be_stored) {
  ingest_request request{nullptr, ack_level::durable};
  for (uint32_t i = 0; i < 4; ++i) {
    request.add_chunk(1, {});
    request.sent();
  }
  request.fail_chunk(0, {ec::stage_away, "one"}, true);
  request.fail_chunk(1, {ec::saturated, "two"}, true);
  EXPECT_EQ(request.failure()->text, "one");
  EXPECT_FALSE(request.doubtful());
  request.fail_chunk(2, {ec::deadline_exceeded, "three"}, true, true);
  EXPECT_EQ(request.failure()->text, "three");
  EXPECT_TRUE(request.doubtful());
  request.fail_chunk(3, {ec::deadline_exceeded, "four"}, true, true);
  EXPECT_EQ(request.failure()->text, "three");
}

TEST(keyed_body, that_differs_in_one_byte_of_what_is_stored_is_another) {
  const auto body = numbered(0, 12);
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 dice{seed};
    const auto first =
      cut_up(body, 1 + static_cast<uint32_t>(dice() % 14), body_format::ndjson);
    const auto known = stored(first, 1 + dice() % first.size());
    auto other = body;
    const auto record = dice() % known.records;
    other[other.find('\n' == other[0] ? "" : "{\"n\":" + std::to_string(record)) + 5] =
      '9';
    if (other == body)
      continue;
    const auto out = send(
      cut_up(other, 1 + static_cast<uint32_t>(dice() % 14), body_format::ndjson), known);
    EXPECT_TRUE(out.another) << "seed " << seed;
    EXPECT_TRUE(out.sent.empty()) << "seed " << seed;
  }
}

TEST(keyed_body, as_another_format_is_another_body) {
  const auto body = numbered(0, 6);
  const auto first = cut_up(body, 4, body_format::ndjson);
  EXPECT_TRUE(send(cut_up(body, 4, body_format::text), stored(first, 1)).another);
}

TEST(keyed_body, of_an_array_and_of_csv_may_be_cut_anywhere_too) {
  const std::pair<std::string, body_format> bodies[] = {
    {R"([{"a":1} , {"a":2},  {"a":3},{"a":4},{"a":5}])", body_format::json},
    {"a,b\r\n1,2\r\n3,4\r\n\"x\ny\",6\r\n7,8\r\n9,10\r\n", body_format::csv}};
  for (const auto& [body, format] : bodies)
    for (uint32_t before = 1; before <= 6; ++before)
      for (uint32_t now = 1; now <= 6; ++now) {
        const auto first = cut_up(body, before, format);
        for (size_t count = 1; count <= first.size(); ++count) {
          const auto known = stored(first, count);
          const auto out = send(cut_up(body, now, format), known);
          EXPECT_FALSE(out.another) << before << ' ' << now << ' ' << count;
          EXPECT_EQ(out.sent.size(), 5 - known.records);
        }
      }
}
