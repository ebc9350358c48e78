#include "http/ingest/body_reader.hpp"

#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <zlib.h>

#include <charconv>
#include <cstring>
#include <random>

using namespace weir;

namespace {

body_terms terms(std::optional<body_format> format, std::optional<uint64_t> length) {
  body_terms t;
  t.format = format;
  t.length = length;
  t.body_bytes_max = 1 << 30;
  t.batch_bytes = 1000;
  t.batch_records = 16;
  t.framing.record_bytes_max = 4096;
  return t;
}

struct outcome {
  std::vector<body_cut> cuts;
  fault failure;
};

/// Feeds `wire` in pieces of `piece()` bytes; known-length bodies go through prepare()
/// half the time.
template <class Piece>
outcome read_all(body_terms t, std::string_view wire, Piece piece) {
  outcome out;
  auto made = body_reader::make(std::move(t));
  if (!made)
    return {{}, made.error()};
  auto& reader = **made;
  while (true) {
    const auto step = reader.next();
    if (!step)
      return out.failure = step.error(), std::move(out);
    if (*step != body_reader::step::more) {
      out.cuts.push_back(reader.take());
      if (*step == body_reader::step::end)
        return out;
      continue;
    }
    const auto bytes = std::min<size_t>(piece(), wire.size());
    if (bytes == 0)
      return out.failure = {ec::io_failed, "the body is shorter than it says"},
             std::move(out);
    size_t used = bytes;
    if (reader.direct() && bytes % 2 == 0) {
      const auto room = reader.prepare();
      used = std::min(bytes, room.size());
      std::memcpy(room.data(), wire.data(), used);
      reader.commit(used);
    } else {
      const auto fed = reader.feed(wire.substr(0, bytes));
      if (!fed)
        return out.failure = fed.error(), std::move(out);
      used = *fed;
    }
    wire.remove_prefix(used);
  }
}

outcome read_whole(body_terms t, std::string_view wire) {
  return read_all(std::move(t), wire, [] { return size_t{1} << 20; });
}

std::vector<std::string> texts(const outcome& o) {
  std::vector<std::string> all;
  for (const auto& cut : o.cuts)
    for (const auto& ref : cut.records)
      all.push_back(cut.bytes.substr(ref.offset, ref.size));
  return all;
}

std::string lines(size_t count) {
  std::string body;
  for (size_t i = 0; i < count; ++i)
    body += "{\"n\":" + std::to_string(i) + ",\"x\":\"" + std::string(i * 37 % 180, 'x')
            + "\"}\n" + (i % 11 == 0 ? "\n" : "");
  return body;
}

std::string chunked(std::string_view body, size_t size) {
  std::string out;
  while (!body.empty()) {
    const auto part = body.substr(0, size);
    char hex[16];
    const auto end = std::to_chars(hex, hex + sizeof hex, part.size(), 16).ptr;
    out.append(hex, end).append("\r\n").append(part).append("\r\n");
    body.remove_prefix(part.size());
  }
  return out + "0\r\n\r\n";
}

std::string gzip(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

uint64_t seed() {
  const char* given = std::getenv("WEIR_SEED");
  uint64_t value = std::random_device{}();
  if (given)
    std::from_chars(given, given + std::strlen(given), value);
  return value;
}

} // namespace

TEST(body_reader, room_that_a_read_did_not_use_is_not_cleared_again) {
  const auto body = lines(4000);
  const auto made = body_reader::make(terms(body_format::ndjson, body.size()));
  ASSERT_TRUE(made);
  auto& reader = **made;
  ASSERT_EQ(*reader.next(), body_reader::step::more);
  const auto room = reader.prepare();
  ASSERT_GT(room.size(), 1000u);
  std::memcpy(room.data(), body.data(), 10);
  room[500] = 'x';
  reader.commit(10);
  ASSERT_EQ(*reader.next(), body_reader::step::more);
  EXPECT_EQ(reader.prepare()[490], 'x');
}

TEST(body_reader, a_small_body_is_one_batch) {
  const std::string body = "{\"a\":1}\n{\"a\":2}";
  const auto o = read_whole(terms(body_format::ndjson, body.size()), body);
  ASSERT_EQ(o.cuts.size(), 1u) << o.failure.text;
  EXPECT_EQ(o.cuts[0].chunk, 0u);
  EXPECT_EQ(texts(o), (std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"}));
  EXPECT_GE(o.cuts[0].bytes.capacity(), o.cuts[0].bytes.size() + text_padding);
}

TEST(body_reader, cuts_before_the_record_that_would_not_fit) {
  const auto body = lines(200);
  const auto o = read_whole(terms(body_format::ndjson, body.size()), body);
  ASSERT_GT(o.cuts.size(), 10u) << o.failure.text;
  uint64_t records = 0;
  for (size_t i = 0; i < o.cuts.size(); ++i) {
    const auto& cut = o.cuts[i];
    EXPECT_EQ(cut.chunk, i);
    EXPECT_EQ(cut.record_base, records);
    EXPECT_LE(cut.bytes.size(), 1000u);
    EXPECT_LE(cut.records.size(), 16u);
    EXPECT_EQ(cut.records.front().record, 0u);
    records += cut.records.size();
    if (i + 1 < o.cuts.size() && cut.records.size() < 16) {
      EXPECT_GT(cut.bytes.size() + o.cuts[i + 1].records.front().size + 2, 1000u)
        << "too early";
    }
  }
  EXPECT_EQ(records, 200u);
}

TEST(body_reader, numbers_records_and_lines_over_the_whole_body) {
  const auto body = lines(200);
  const auto o = read_whole(terms(body_format::ndjson, body.size()), body);
  uint64_t n = 0;
  for (const auto& cut : o.cuts)
    for (const auto& ref : cut.records) {
      EXPECT_EQ(cut.record_base + ref.record, n);
      const uint64_t blank = (n + 10) / 11; // blank lines before record n
      EXPECT_EQ(cut.line_base + ref.line, n + blank);
      ++n;
    }
}

TEST(body_reader, makes_the_same_batches_however_the_body_is_read) {
  const auto s = seed();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(s));
  random_source random{s};
  for (int round = 0; round < 60; ++round) {
    const auto body = lines(50 + random.next() % 200);
    const auto want = read_whole(terms(body_format::ndjson, body.size()), body);
    const auto piece = [&] {
      return size_t{1} + random.next() % (1 + random.next() % 900);
    };
    const auto plain = read_all(terms(body_format::ndjson, body.size()), body, piece);
    const auto in_chunks = read_all(terms(body_format::ndjson, std::nullopt),
                                    chunked(body, 1 + random.next() % 500), piece);
    const auto zipped = gzip(body);
    auto coded = terms(body_format::ndjson, zipped.size());
    coded.coding = "gzip";
    const auto inflated = read_all(coded, zipped, piece);
    for (const auto* got : {&plain, &in_chunks, &inflated}) {
      ASSERT_EQ(got->failure.text, "");
      ASSERT_EQ(got->cuts.size(), want.cuts.size());
      for (size_t i = 0; i < want.cuts.size(); ++i) {
        ASSERT_EQ(got->cuts[i].bytes, want.cuts[i].bytes);
        ASSERT_EQ(got->cuts[i].record_base, want.cuts[i].record_base);
        ASSERT_EQ(got->cuts[i].line_base, want.cuts[i].line_base);
      }
      ASSERT_EQ(texts(*got), texts(want));
    }
  }
}

TEST(body_reader, cuts_arrays_and_csv_too_and_keeps_the_header) {
  std::string array = "[";
  std::string csv = "a,b\r\n";
  for (int i = 0; i < 100; ++i) {
    array += (i ? " , " : "") + std::string{"{\"i\":"} + std::to_string(i) + "}";
    csv += std::to_string(i) + ",\"x\r\ny\"\r\n";
  }
  array += "]";
  const auto a = read_whole(terms(body_format::json, array.size()), array);
  EXPECT_EQ(texts(a).size(), 100u) << a.failure.text;
  EXPECT_GT(a.cuts.size(), 5u);
  const auto c = read_whole(terms(body_format::csv, csv.size()), csv);
  ASSERT_EQ(texts(c).size(), 100u) << c.failure.text;
  for (const auto& cut : c.cuts)
    EXPECT_EQ(*cut.header, (csv_header{{"a", "b"}}));
}

TEST(body_reader, sniffs_a_body_without_a_type) {
  const std::string body = "a,b\n1,2\n";
  const auto o =
    read_all(terms(std::nullopt, body.size()), body, [] { return size_t{1}; });
  ASSERT_EQ(o.cuts.size(), 1u) << o.failure.text;
  EXPECT_EQ(o.cuts[0].format, body_format::csv);
}

TEST(body_reader, reads_as_text_what_was_taken_for_csv_and_is_none_later) {
  std::string body = "a,b\n";
  while (body.size() < 5000)
    body += "1,2\n";
  body += "\"" + std::string(3'000'000, 'x');
  auto t = terms(std::nullopt, body.size());
  const auto refused = read_whole(t, body);
  EXPECT_EQ(refused.failure.code, ec::body_too_large)
    << "as text, too: the line is too long";
  body.resize(6000);
  body += "\n3,4\n";
  const auto whole = read_whole(terms(std::nullopt, body.size()), body);
  const auto pieces =
    read_all(terms(std::nullopt, body.size()), body, [] { return size_t{7}; });
  EXPECT_EQ(texts(whole), texts(pieces));
}

/// Batches of it may be stored: what follows can't be called something else.
TEST(body_reader, csv_of_which_a_batch_has_gone_stays_csv) {
  std::string body = "a,b\n";
  for (int i = 0; i < 2000; ++i)
    body += "12,34\n";
  body += "5,\"no end of a quote\n"; // as text, lines like others
  for (int i = 0; i < 2000; ++i)
    body += "12,34\n";
  const auto read = read_whole(terms(std::nullopt, body.size()), body);
  EXPECT_EQ(read.failure.code, ec::body_too_large) << read.failure.text;
  EXPECT_GT(read.cuts.size(), 10u);
  for (const auto& cut : read.cuts)
    EXPECT_EQ(cut.format, body_format::csv);
}

TEST(body_reader, records_of_a_text_sequence_are_json) {
  const std::string body = "\x1e{\"a\":1}\n\x1e{\"a\":2}\n";
  const auto read = read_whole(terms(body_format::json_seq, body.size()), body);
  ASSERT_EQ(read.cuts.size(), 1u) << read.failure.text;
  EXPECT_EQ(read.cuts[0].format, body_format::json);
  EXPECT_EQ(read.cuts[0].records.size(), 2u);
}

TEST(body_reader, refuses_a_form_that_is_said_to_be_one_and_nothing_else) {
  auto form = terms(std::nullopt, 7);
  EXPECT_EQ(texts(read_whole(form, "a=1&b=2")).size(), 1u);
  form.said_to_be_form = true;
  EXPECT_EQ(read_whole(form, "a=1&b=2").failure.code, ec::unsupported_media_type);
  EXPECT_EQ(read_whole(form, "{\"a\":1}").cuts.at(0).format, body_format::json);
}

TEST(body_reader, refuses_an_empty_body_and_one_of_blank_lines) {
  EXPECT_EQ(read_whole(terms(body_format::ndjson, 0), "").failure.text,
            "the body has no records");
  EXPECT_EQ(read_whole(terms(body_format::ndjson, 4), "\n\n\r\n").failure.code,
            ec::malformed_body);
}

TEST(body_reader, gives_nothing_of_a_single_batch_that_is_malformed) {
  const std::string body = "[{\"a\":1},{\"a\":2]";
  const auto o = read_whole(terms(body_format::json, body.size()), body);
  EXPECT_TRUE(o.cuts.empty());
  EXPECT_EQ(o.failure.code, ec::malformed_body);
}

TEST(body_reader, bounds_its_memory_when_no_record_comes) {
  const std::string body(200'000, ' ');
  auto t = terms(body_format::json, body.size());
  const auto o = read_all(t, body, [] { return size_t{8192}; });
  EXPECT_NE(o.failure.code, ec::none);
}

TEST(body_reader, refuses_a_cut_off_compressed_body_and_one_over_the_limit) {
  const auto zipped = gzip(lines(100));
  auto t = terms(body_format::ndjson, zipped.size() - 5);
  t.coding = "gzip";
  EXPECT_EQ(
    read_whole(t, std::string_view{zipped}.substr(0, zipped.size() - 5)).failure.code,
    ec::malformed_body);
  auto small = terms(body_format::ndjson, zipped.size());
  small.coding = "gzip";
  small.body_bytes_max = 2000;
  EXPECT_EQ(read_whole(small, zipped).failure.code, ec::body_too_large);
  auto endless = terms(body_format::ndjson, std::nullopt);
  endless.body_bytes_max = 2000;
  EXPECT_EQ(read_whole(endless, chunked(lines(100), 500)).failure.code,
            ec::body_too_large);
}

TEST(body_reader, leaves_what_follows_the_body_alone) {
  auto made = body_reader::make(terms(body_format::text, std::nullopt));
  ASSERT_TRUE(made.has_value());
  const std::string wire = chunked("abc", 3) + "GET / HTTP/1.1";
  EXPECT_EQ((*made)->feed(wire), wire.size() - 14);
  EXPECT_EQ((*made)->next(), body_reader::step::end);
}

// Every row of CSV takes the names of all columns along into its JSON.
TEST(body_reader, rows_of_long_names_make_small_batches) {
  auto t = terms(body_format::csv, {});
  t.batch_records = 1000;
  std::string body = std::string(94, 'h') + '\n';
  for (int i = 0; i < 100; ++i)
    body += "1\n";
  t.length = body.size();
  const auto read = read_whole(t, body);
  ASSERT_EQ(read.failure.code, ec::none) << read.failure.text;
  EXPECT_EQ(texts(read).size(), 100u);
  ASSERT_GE(read.cuts.size(), 5u);
  for (const auto& cut : read.cuts) {
    EXPECT_LE(cut.records.size() * (94 + 6 + 1), 2 * t.batch_bytes);
    EXPECT_LE(cut.weight, t.batch_bytes);
    EXPECT_GE(cut.weight, cut.records.size() * 100 / 2);
  }
  EXPECT_EQ(read_all(t, body, [] { return size_t{7}; }).cuts.size(), read.cuts.size());
}

TEST(body_reader, a_row_whose_names_are_larger_than_a_batch_goes_alone) {
  auto t = terms(body_format::csv, {});
  const auto body = std::string(3000, 'h') + "\n1\n2\n3\n";
  t.length = body.size();
  const auto read = read_whole(t, body);
  EXPECT_EQ(read.cuts.size(), 3u);
  EXPECT_EQ(texts(read), (std::vector<std::string>{"1", "2", "3"}));
}

TEST(body_reader, names_shorter_than_their_rows_weigh_nothing) {
  auto t = terms(body_format::csv, {});
  const std::string body = "a,b\n12345678,1234567890\n12345678,1234567890\n";
  t.length = body.size();
  const auto read = read_whole(t, body);
  ASSERT_EQ(read.cuts.size(), 1u);
  EXPECT_EQ(read.cuts[0].weight, read.cuts[0].bytes.size());
}
