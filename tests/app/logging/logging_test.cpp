#include "app/logging/logging.hpp"

#include "base/clock.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace weir;
using json = nlohmann::json;

namespace {

constexpr int64_t noon = 1'715'904'000'123'456;

json parse_line(const std::string& line) {
  EXPECT_EQ(line.find('\n'), std::string::npos);
  auto parsed = json::parse(line, nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << line;
  return parsed;
}

} // namespace

TEST(logging, a_json_line_has_time_level_event_and_typed_fields) {
  const auto line = render_json(noon, log_level::warning, "request_refused",
                                {{"stream", "web"},
                                 {"count", 3},
                                 {"share", 0.5},
                                 {"tls", true},
                                 {"below", int64_t{-7}}});
  EXPECT_EQ(
    line,
    R"({"time":"2024-05-17T00:00:00.123456Z","level":"warning","event":)"
    R"("request_refused","stream":"web","count":3,"share":0.5,"tls":true,"below":-7})");
}

TEST(logging, a_text_line_reads_from_left_to_right) {
  EXPECT_EQ(render_text(noon, log_level::info, "started",
                        {{"stream", "web"}, {"why", "two words"}}),
            "2024-05-17T00:00:00.123456Z info    started stream=web why=\"two words\"");
}

TEST(logging, text_quotes_whatever_could_be_taken_for_something_else) {
  EXPECT_EQ(
    render_text(noon, log_level::info, "e", {{"a", "x=y"}, {"b", ""}, {"c", "q\"q"}}),
    "2024-05-17T00:00:00.123456Z info    e a=\"x=y\" b=\"\" c=\"q\\\"q\"");
}

TEST(logging, control_bytes_are_escaped_in_both_formats) {
  const std::string hostile{"a\nb\x1b[31m\0\x7f\xc2\x9b"
                            "c\xe2\x80\xa8",
                            16};
  EXPECT_EQ(parse_line(render_json(noon, log_level::info, "e", {{"v", hostile}}))["v"],
            hostile);
  const auto text = render_text(noon, log_level::info, "e", {{"v", hostile}});
  for (const char c : text)
    EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  EXPECT_EQ(text.find("\xe2\x80\xa8"), std::string::npos);
}

TEST(logging, a_number_that_json_lacks_is_null) {
  EXPECT_TRUE(parse_line(render_json(noon, log_level::info, "e", {{"v", 0.0 / 0.0}}))["v"]
                .is_null());
}

TEST(logging, a_long_value_is_cut_and_a_full_line_says_how_many_fields_it_left_out) {
  const std::string large(100'000, 'x');
  const auto one = render_json(noon, log_level::info, "e", {{"v", large}});
  EXPECT_LE(one.size(), log_value_bytes_max + 128);
  EXPECT_TRUE(parse_line(one)["v"].get<std::string>().ends_with("…"));
  const auto many = render_json(noon, log_level::info, "e",
                                {{"a", large},
                                 {"b", large},
                                 {"c", large},
                                 {"d", large},
                                 {"e", large},
                                 {"f", large},
                                 {"g", 1}});
  EXPECT_LE(many.size(), log_line_bytes_max);
  EXPECT_GE(parse_line(many)["fields_left_out"].get<int>(), 2);
}

TEST(logging, any_bytes_make_one_valid_json_line) {
  const char* given = std::getenv("WEIR_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : 20240517;
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  for (int i = 0; i < 5000; ++i) {
    std::string value(random.next() % 700, '\0');
    for (auto& c : value)
      c = static_cast<char>(random.next() % 3 ? random.next()
                                              : 0xc0 | (random.next() % 64));
    const auto line =
      render_json(noon, log_level::error, value, {{"v", value}, {"w", value}});
    parse_line(line);
    EXPECT_LE(line.size(), log_line_bytes_max);
    EXPECT_EQ(render_text(noon, log_level::error, value, {{"v", value}}).find('\n'),
              std::string::npos);
  }
}
