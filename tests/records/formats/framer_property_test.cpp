// Whatever the pieces a body comes in, the records are the same, and they are the ones
// that a splitter written without any care for speed finds.
#include "tests/records/formats/framing_fixture.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace weir::test;

namespace {

constexpr int rounds = 3000;

// -- bodies

std::string random_json(dice& random, int depth) {
  switch (random.under(depth > 3 ? 3 : 5)) {
  case 0:
    return std::to_string(random.under(100000));
  case 1:
    return "\"" + random.text(90, "ab {}[],:\t") + (random.one_in(2) ? "\\\\" : "\\\"")
           + "\"";
  case 2:
    return "null";
  case 3:
    return "[" + random_json(random, depth + 1) + ",\n" + random_json(random, depth + 1)
           + "]";
  default:
    return "{\"k\\\\\":" + random_json(random, depth + 1) + ", \"]\\\"\" :\r\n"
           + random_json(random, depth + 1) + "}";
  }
}

struct json_body {
  std::string text;
  std::vector<framed> records;
};

json_body random_json_body(dice& random) {
  json_body out;
  const auto add = [&](std::string record) {
    const auto line =
      static_cast<uint64_t>(std::count(out.text.begin(), out.text.end(), '\n'));
    out.records.push_back({record, out.records.size(), line});
    out.text += record;
  };
  out.text = random.one_in(3) ? "\xEF\xBB\xBF" : random.text(3, " \n\t\r");
  if (random.one_in(8)) {
    add("{\"x\":" + random_json(random, 0) + "}");
    return out;
  }
  out.text += "[";
  const size_t count = random.under(20);
  for (size_t i = 0; i < count; ++i) {
    out.text += (i == 0 ? "" : ",") + random.text(3, " \n\t\r");
    add(random_json(random, 0));
    out.text += random.text(2, " \n");
  }
  out.text += "]" + random.text(2, " \n");
  return out;
}

// -- reference splitters: bytewise, by the words of the format's definition

std::vector<framed> split_lines(std::string_view body, std::string_view blank) {
  if (body.substr(0, 3) == "\xEF\xBB\xBF")
    body.remove_prefix(3);
  std::vector<framed> out;
  for (uint64_t line = 0; !body.empty(); ++line) {
    const size_t end = std::min(body.find('\n'), body.size());
    std::string text{body.substr(0, end)};
    body.remove_prefix(std::min(end + 1, body.size()));
    if (!text.empty() && text.back() == '\r')
      text.pop_back();
    if (text.find_first_not_of(blank) != std::string::npos)
      out.push_back({text, out.size(), line});
  }
  return out;
}

// The first row is the header and not in the answer.
std::vector<framed> split_csv(std::string_view body) {
  enum { begin, unquoted, quoted, behind_quote } state = begin;
  std::vector<framed> rows;
  std::string row;
  uint64_t line = 0;
  uint64_t row_line = 0;
  const auto end_row = [&] {
    if (state != quoted && !row.empty() && row.back() == '\r')
      row.pop_back();
    if (!row.empty())
      rows.push_back({row, rows.size() - 1, row_line});
    row.clear();
  };
  for (const char c : body) {
    line += c == '\n' ? 1 : 0;
    if (c == '\n' && state != quoted) {
      end_row();
      row_line = line;
      state = begin;
      continue;
    }
    row.push_back(c);
    switch (state) {
    case begin:
      state = c == '"' ? quoted : c == ',' ? begin : unquoted;
      break;
    case unquoted:
      state = c == ',' ? begin : unquoted;
      break;
    case quoted:
      state = c == '"' ? behind_quote : quoted;
      break;
    case behind_quote:
      state = c == '"' ? quoted : c == ',' ? begin : unquoted;
      break;
    }
  }
  end_row();
  if (!rows.empty())
    rows.erase(rows.begin());
  return rows;
}

void expect_same_in_pieces(body_format format, std::string_view body,
                           const framing& whole, dice& random, framing_limits limits) {
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{70}, size_t{1000}}) {
    const auto parts = frame_pieces(format, body, random, piece, limits);
    EXPECT_EQ(parts.records, whole.records);
    EXPECT_EQ(parts.failure.code, whole.failure.code);
    EXPECT_EQ(parts.failure.text, whole.failure.text);
    EXPECT_EQ(parts.header, whole.header);
  }
}

template <class Round>
void repeat(Round round) {
  const uint64_t seed = seed_of_run();
  for (int i = 0; i < rounds && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + static_cast<uint64_t>(i)};
    round(random);
  }
}

} // namespace

TEST(framer_property, json_records_are_those_the_body_was_made_of_in_any_pieces) {
  repeat([](dice& random) {
    const auto body = random_json_body(random);
    const auto whole = frame_whole(body_format::json, body.text);
    EXPECT_EQ(whole.failure.text, "");
    EXPECT_EQ(whole.records, body.records) << body.text;
    expect_same_in_pieces(body_format::json, body.text, whole, random, {});
  });
}

TEST(framer_property, lines_are_those_of_the_reference_in_any_pieces) {
  repeat([](dice& random) {
    const std::string body =
      (random.one_in(9) ? "\xEF\xBB\xBF" : "")
      + random.text(300, random.one_in(2) ? "ab \r\n" : "\n\r \tabcdef");
    for (const auto format : {body_format::ndjson, body_format::text}) {
      const auto whole = frame_whole(format, body);
      EXPECT_EQ(whole.records,
                split_lines(body, format == body_format::ndjson ? " \t\r\n" : ""));
      expect_same_in_pieces(format, body, whole, random, {});
    }
  });
}

TEST(framer_property, csv_rows_are_those_of_the_reference_in_any_pieces) {
  repeat([](dice& random) {
    const std::string body =
      "h,i\n" + random.text(300, random.one_in(2) ? "a\",\r\n" : "abcdef\"\",,\n");
    const auto whole = frame_whole(body_format::csv, body);
    EXPECT_EQ(whole.records, split_csv(body)) << body;
    expect_same_in_pieces(body_format::csv, body, whole, random, {});
  });
}

TEST(framer_property, junk_and_tight_limits_end_alike_in_any_pieces) {
  repeat([](dice& random) {
    const framing_limits limits{.record_bytes_max = 1 + random.under(40),
                                .csv_columns_max = 3};
    std::string body = random.one_in(2) ? "" : "[";
    body += random.text(200, random.one_in(2) ? "[[{}],\"\\ \n1" : "a,\"\n\r");
    for (const auto format :
         {body_format::json, body_format::ndjson, body_format::csv, body_format::text})
      expect_same_in_pieces(format, body, frame_whole(format, body, limits), random,
                            limits);
  });
}

TEST(framer_property, what_the_caller_must_hold_is_bounded_by_limit_and_piece) {
  repeat([](dice& random) {
    const framing_limits limits{.record_bytes_max = 50};
    const std::string body =
      "[" + random.text(3000, random.one_in(2) ? "\"a" : "a,\n\"1");
    for (const auto format :
         {body_format::json, body_format::ndjson, body_format::csv, body_format::text}) {
      const auto parts = frame_pieces(format, body, random, 20, limits);
      EXPECT_LE(parts.kept_bytes_max, 50U + 2 + 64 * 1024 + 20);
    }
  });
}
