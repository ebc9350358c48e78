// A node that refuses some records: all others are stored, once, and what is told of the file
// is what has become of it.
#include "app/send/send.hpp"
#include "base/clock.hpp"
#include "records/formats/media_type.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace weir;
using testing::HasSubstr;

namespace {

uint64_t seed_of_run() {
  const char* given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20261130;
}

/// As a node does: divides bodies into records and these into batches, stores batch by batch,
/// ends the request at a record over its limit, and stores nothing twice under one key.
struct strict_node {
  size_t record_bytes_max = 20;
  size_t batch_records = 4;
  bool names_the_line = true;
  bool counts = true; ///< says what became of the records before the refused one
  std::vector<std::string> stored;
  std::map<std::string, std::string> bodies; ///< by key
  std::set<std::string> batches;             ///< stored, by key and number
  size_t requests = 0;

  result<http_answer> take(std::string_view type, const header_fields& fields,
                           std::string_view body) {
    ++requests;
    const auto key = fields.front().second;
    if (!bodies.emplace(key, body).second && bodies[key] != body)
      return http_answer{422, "", R"({"title":"t","code":"key_reused"})"};
    framing_limits limits;
    limits.record_bytes_max = record_bytes_max;
    framer framing{media_type_of(type)->format, limits};
    std::vector<record_ref> refs;
    const auto scanned = framing.scan(body, true, 100'000, refs);
    const auto whole =
      scanned ? refs.size() : refs.size() / batch_records * batch_records;
    bool is_new = false;
    for (size_t i = 0; i < whole; ++i) {
      if (i % batch_records == 0)
        is_new = batches.insert(key + "#" + std::to_string(i)).second;
      if (is_new)
        stored.emplace_back(body.substr(refs[i].offset, refs[i].size));
    }
    nlohmann::json answer{{"accepted", whole}, {"rejected", 0}, {"errors", {}}};
    if (scanned)
      return http_answer{200, "", answer.dump()};
    if (!counts)
      answer = {{"title", "t"}};
    answer["durable_records"] = whole;
    answer["detail"] = names_the_line ? scanned.error().text : "a record is too long";
    return http_answer{413, "", answer.dump()};
  }
};

struct outcome {
  send_totals totals;
  std::string printed;
};

outcome send(strict_node& node, const std::string& text, body_format format, size_t bytes,
             uint32_t refused_max = 1000, size_t stop_after = SIZE_MAX) {
  patient_post post{[&](auto, auto type, const auto& fields, auto body) {
                      return node.take(type, fields, body);
                    },
                    [](std::chrono::milliseconds) {}, retry_policy{0, 1}, ""};
  request_cutter cutter{[&text, at = size_t{0}](char* to, size_t size) mutable {
                          const auto got = text.copy(to, size, at);
                          at += got;
                          return result<size_t>{got};
                        },
                        format,
                        {bytes, 1000, 1 << 20}};
  send_terms terms;
  terms.key = "run";
  terms.refused_max = refused_max;
  const auto before = node.requests;
  terms.stopped = [&, before] { return node.requests - before >= stop_after; };
  progress_line progress{false};
  std::ostringstream out;
  sender sending{terms, post, progress, out};
  outcome done;
  done.totals = sending.run(cutter, std::nullopt);
  done.printed = out.str();
  return done;
}

/// A file of each format whose records say their number; which of them are too long.
struct drawn_file {
  std::string text;
  std::vector<std::string> good;
  std::vector<std::string> refused; ///< as they are told of
};

drawn_file draw_file(body_format format, random_source& random) {
  drawn_file file;
  const auto records = 1 + random.next() % 60;
  const auto one_in = 1 + random.next() % 12;
  int64_t line = 1;
  const auto add = [&](const std::string& text) {
    file.text += text;
    line += std::count(text.begin(), text.end(), '\n');
  };
  if (format == body_format::csv)
    add("a,b\n");
  if (format == body_format::json)
    add("[");
  for (uint64_t i = 0; i < records; ++i) {
    const bool is_bad = random.next() % one_in == 0;
    const auto digits = std::to_string(i) + (is_bad ? std::string(40, '7') : "");
    if (format == body_format::json && i > 0)
      add(random.next() % 2 ? "," : ",\n ");
    const auto record = format == body_format::csv    ? digits + ",\"\n\""
                        : format == body_format::text ? "t" + digits
                                                      : "{\"n\":" + digits + "}";
    if (is_bad)
      file.refused.push_back("not stored: record " + std::to_string(i + 1) + ", line "
                             + std::to_string(line) + ": ");
    else
      file.good.push_back(record);
    if (format == body_format::json_seq)
      add(random.next() % 3 == 0 ? "\x1e " : "\x1e");
    add(record);
    if (format != body_format::json)
      add(random.next() % 5 == 0 ? "\n\n" : "\n");
  }
  if (format == body_format::json)
    add("]\n");
  return file;
}

} // namespace

TEST(send_refused,
     all_but_the_refused_records_are_stored_once_and_each_is_accounted_for) {
  const auto seed = seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  for (int i = 0; i < 2000; ++i) {
    const auto kinds = format_kinds();
    const auto format = kinds[random.next() % kinds.size()]->format;
    const auto file = draw_file(format, random);
    strict_node node;
    node.batch_records = 1 + random.next() % 7;
    node.names_the_line = random.next() % 2 == 0;
    node.counts = random.next() % 2 == 0;
    const auto bytes = 30 + random.next() % 800;
    SCOPED_TRACE(std::to_string(i) + ":\n" + file.text);
    if (random.next() % 3 == 0) // an earlier run was interrupted
      send(node, file.text, format, bytes, 1000, 1 + random.next() % 9);
    const auto done = send(node, file.text, format, bytes);
    // A run that was interrupted may have left a record for later: order is the runs' own.
    EXPECT_THAT(node.stored, testing::UnorderedElementsAreArray(file.good));
    const auto& t = done.totals;
    EXPECT_EQ(t.failed, file.refused.size());
    EXPECT_EQ(t.accepted + t.judged, file.good.size());
    EXPECT_EQ(t.records, file.good.size() + file.refused.size());
    EXPECT_EQ(t.settled, t.records);
    EXPECT_EQ(t.all_stored(), file.refused.empty());
    if (node.counts) {
      EXPECT_EQ(t.judged, 0u);
    }
    std::istringstream lines{done.printed};
    size_t at = 0;
    for (std::string line; std::getline(lines, line); ++at) {
      ASSERT_LT(at, file.refused.size()) << line;
      EXPECT_TRUE(line.starts_with(file.refused[at])) << line << '\n' << file.refused[at];
    }
    EXPECT_EQ(at, file.refused.size());
    if (HasFailure())
      return;
  }
}

TEST(send_refused, a_line_that_is_named_is_found_in_few_requests) {
  std::string text;
  for (int i = 0; i < 900; ++i)
    text += i == 700 ? std::string(40, 'x') + "\n" : "ok\n";
  strict_node node;
  node.batch_records = 64;
  EXPECT_EQ(send(node, text, body_format::text, 1 << 20).totals.failed, 1u);
  EXPECT_EQ(node.requests,
            4u); // all of it, what was before, the one, and what was behind
  strict_node silent;
  silent.names_the_line = false;
  silent.batch_records = 64;
  EXPECT_EQ(send(silent, text, body_format::text, 1 << 20).totals.failed, 1u);
  EXPECT_LE(silent.requests, 25u);
}

TEST(send_refused, a_file_of_nothing_else_ends_the_run_at_refused_max) {
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += std::string(40, 'x') + "\n";
  strict_node node;
  const auto done = send(node, text, body_format::text, 1 << 20, 7);
  EXPECT_EQ(done.totals.failed, 100u);
  EXPECT_EQ(done.totals.settled, 7u);
  EXPECT_THAT(done.totals.stopped, HasSubstr("7 records were refused one by one"));
  EXPECT_THAT(done.printed, HasSubstr("not stored: record 7, line 7: HTTP 413"));
  EXPECT_THAT(done.printed,
              HasSubstr("not stored: records 8 … 100, lines 8 … 100: the run ended"));
}

TEST(send_refused, what_was_not_sent_when_somebody_stopped_is_told_and_sent_by_the_next) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += i == 10 ? std::string(40, 'x') + "\n" : "r" + std::to_string(i) + "\n";
  strict_node node;
  const auto first = send(node, text, body_format::text, 1 << 20, 1000, 1);
  EXPECT_TRUE(first.totals.interrupted);
  EXPECT_EQ(first.totals.accepted, 8u); // two batches
  EXPECT_EQ(first.totals.failed, 32u);
  EXPECT_EQ(first.totals.settled, 8u);
  const auto second = send(node, text, body_format::text, 1 << 20);
  EXPECT_EQ(second.totals.accepted, 39u);
  EXPECT_EQ(node.stored.size(), 39u);
}

TEST(send_refused, slices_have_the_same_records_and_lead_to_the_same_lines) {
  const std::string text = "h,i\n1,\"a\nb\"\n\n2,c\n3,d\n";
  request_cutter cutter{[&text, at = size_t{0}](char* to, size_t size) mutable {
                          const auto got = text.copy(to, size, at);
                          at += got;
                          return result<size_t>{got};
                        },
                        body_format::csv,
                        {1000, 1000, 1000}};
  const auto whole = **cutter.next();
  const auto tail = slice(whole, 1, 2);
  EXPECT_EQ(tail.body, "h,i\n2,c\n3,d\n");
  EXPECT_EQ(tail.line_number(0), 5);
  EXPECT_EQ(tail.record_number(1), 3u);
  EXPECT_EQ(tail.line_base + 2, 5); // the body's second line is the file's fifth
  const auto last = slice(tail, 1, 1);
  EXPECT_EQ(last.body, "h,i\n3,d\n");
  EXPECT_EQ(last.line_number(0), 6);
  EXPECT_EQ(slice(whole, 0, 1).body, "h,i\n1,\"a\nb\"\n\n");
}
