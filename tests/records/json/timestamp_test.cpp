#include "records/json/timestamp.hpp"
#include "records/transform/time_format.hpp"

#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

using namespace weir;
using namespace weir::steps;

namespace {

uint64_t seed() {
  const char* const given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20150517;
}

std::string text_of(const instant& at) {
  rfc3339_buffer buffer;
  return std::string(to_rfc3339(at, buffer));
}

std::string parsed(const char* format, const char* text) {
  const auto compiled = time_format::compile(format);
  if (!compiled)
    return compiled.error().text;
  const auto at = compiled->parse(text);
  return at ? text_of(*at) : "no";
}

} // namespace

TEST(timestamp, agrees_with_timegm_and_gmtime_at_random_times) {
  random_source random(seed());
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed()));
  const auto format = time_format::compile("%a, %d %b %Y %T").value();
  for (int i = 0; i < 5'000; ++i) {
    const auto seconds =
      static_cast<time_t>(random.next() % 315'000'000'000ULL) - time_t{62'000'000'000};
    tm parts{};
    gmtime_r(&seconds, &parts);
    ASSERT_EQ(timegm(&parts), seconds);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    const std::string expected = parts.tm_year < -900 ? "0" + std::string(text) : text;
    if (expected.size() == 20) { // %Y is not padded below 1000
      EXPECT_EQ(text_of({seconds, 0}), expected);
    }
    EXPECT_EQ(from_rfc3339(text_of({seconds, 0})), (instant{seconds, 0}));
    if (parts.tm_year >= -900) {
      std::strftime(text, sizeof text, "%a, %d %b %Y %T", &parts);
      EXPECT_EQ(format.parse(text), (instant{seconds, 0})) << text;
    }
  }
}

TEST(timestamp, knows_every_conversion_of_the_format) {
  EXPECT_EQ(parsed("%d/%b/%Y:%H:%M:%S %z", "17/May/2015:10:05:03 +0200"),
            "2015-05-17T08:05:03Z");
  EXPECT_EQ(parsed("%F %T.%3f", "2015-05-17 10:05:03.250"), "2015-05-17T10:05:03.250Z");
  EXPECT_EQ(parsed("%F %T.%f", "2015-05-17 10:05:03.1234567"),
            "2015-05-17T10:05:03.123456700Z");
  EXPECT_EQ(parsed("%A, %e %B %Y", "Sunday,  7 JUNE 2015"), "2015-06-07T00:00:00Z");
  EXPECT_EQ(parsed("%j/%Y", "366/2016"), "2016-12-31T00:00:00Z");
  EXPECT_EQ(parsed("%m/%d/%y", "2/3/69"), "1969-02-03T00:00:00Z");
  EXPECT_EQ(parsed("%m/%d/%y", "02/03/68"), "2068-02-03T00:00:00Z");
  EXPECT_EQ(parsed("%s.%3f", "1431857103.007"), "2015-05-17T10:05:03.007Z");
  EXPECT_EQ(parsed("%s", "-1"), "1969-12-31T23:59:59Z");
  EXPECT_EQ(parsed("%F %T %Z", "2015-05-17 10:05:03 GMT"), "2015-05-17T10:05:03Z");
  EXPECT_EQ(parsed("%F %T%z", "2015-05-17 10:05:03-01:30"), "2015-05-17T11:35:03Z");
  EXPECT_EQ(parsed("%F%%%H", "2015-05-17%07"), "2015-05-17T07:00:00Z");
  EXPECT_EQ(parsed("%Y%m%d%H%M%S", "20150517100503"), "2015-05-17T10:05:03Z");
  EXPECT_EQ(parsed("%FT%TZ", "2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z");
}

TEST(timestamp, refuses_what_is_out_of_range_or_left_over) {
  for (const char* const text :
       {"2015-02-29 00:00:00", "1900-02-29 00:00:00", "2100-02-29 00:00:00",
        "2015-13-01 00:00:00", "2015-00-01 00:00:00", "2015-04-31 00:00:00",
        "2015-04-30 24:00:00", "2015-04-30 00:60:00", "2015-04-30 00:00:61",
        "2015-04-30 00:00:0x", "2015-04-30 00:00:00 ", "15-04-30 00:00:00",
        "0000-01-01 00:00:00", ""})
    EXPECT_EQ(parsed("%F %T", text), "no") << text;
  EXPECT_EQ(parsed("%F %T%z", "2015-05-17 10:05:03+24:00"), "no");
  EXPECT_EQ(parsed("%F %T%z", "2015-05-17 10:05:03+01:60"), "no");
  EXPECT_EQ(parsed("%F %T%z", "0001-01-01 00:00:00+00:01"), "no");
  EXPECT_EQ(parsed("%j %Y", "366 2015"), "no");
  EXPECT_EQ(parsed("%j %Y", "0 2015"), "no");
  EXPECT_EQ(parsed("%F %T %Z", "2015-05-17 10:05:03 CET"), "no");
  EXPECT_EQ(parsed("%s", "99999999999999999999"), "no");
  EXPECT_EQ(parsed("%F %T.%3f", "2015-05-17 10:05:03.25"), "no");
}

TEST(timestamp, refuses_formats_that_name_no_date_or_unknown_conversions) {
  for (const char* const format : {"%H:%M", "%b %d %T", "%Y-%m", "%Y %d", "%m-%d", "%j",
                                   "%Q %F", "%", "%3Y-%m-%d", "%5", ""})
    EXPECT_FALSE(time_format::compile(format).has_value()) << format;
}

TEST(timestamp, reads_rfc3339_strictly) {
  EXPECT_EQ(text_of(*from_rfc3339("2015-05-17t10:05:03.5+02:00")),
            "2015-05-17T08:05:03.500Z");
  EXPECT_EQ(text_of(*from_rfc3339("2015-05-17 10:05:03.000001Z")),
            "2015-05-17T10:05:03.000001Z");
  EXPECT_EQ(text_of(*from_rfc3339("2015-05-17T10:05:03.1234567891Z")),
            "2015-05-17T10:05:03.123456789Z");
  for (const char* const text :
       {"2015-05-17T10:05:03", "2015-05-17T10:05:03.Z", "2015-5-17T10:05:03Z",
        "2015-05-17T10:05:03+0200", "2015-05-17T10:05:03Zx", "2015-02-30T10:05:03Z",
        "2015-05-17T10:05:03+01:60", "2015-05-17T10:05:03-24:00", "2100-02-29T10:05:03Z"})
    EXPECT_FALSE(from_rfc3339(text)) << text;
}

TEST(timestamp, reads_unix_numbers_on_both_sides_of_1970) {
  EXPECT_EQ(text_of(*from_unix("-0.25", unix_unit::seconds)), "1969-12-31T23:59:59.750Z");
  EXPECT_EQ(text_of(*from_unix("-1", unix_unit::milliseconds)),
            "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(text_of(*from_unix("1431857103000042", unix_unit::microseconds)),
            "2015-05-17T10:05:03.000042Z");
  EXPECT_EQ(text_of(*from_unix("1", unix_unit::nanoseconds)),
            "1970-01-01T00:00:00.000000001Z");
  for (const char* const text :
       {"", "-", "1.", "1.5x", " 1", "+1", ".5", "1e", "1e+", "1e5000", "999999999999999",
        "1.0000000001", "253402300800", "-62135596800.000000001", "1e-10", "0x10",
        "1e99999999999", "99999999999999999999999999999999999999999", "1_0"})
    EXPECT_FALSE(from_unix(text, unix_unit::seconds)) << text;
  EXPECT_FALSE(from_unix("1.5", unix_unit::milliseconds));
}

TEST(timestamp, reads_unix_numbers_by_value) {
  for (const char* const text :
       {"1700000000", "1.7e9", "1.7E+9", "17e8", "1700000000.000000000000", "0.17e10",
        "17000000000e-1", "001700000000", "1700000000000000000000e-12"})
    EXPECT_EQ(from_unix(text, unix_unit::seconds), (instant{1'700'000'000, 0})) << text;
  for (const char* const text : {"1.7e12", "1700000000000", "1700000000000.0"})
    EXPECT_EQ(from_unix(text, unix_unit::milliseconds), (instant{1'700'000'000, 0}))
      << text;
  EXPECT_EQ(from_unix("1.7e18", unix_unit::nanoseconds), (instant{1'700'000'000, 0}));
  EXPECT_EQ(from_unix("1.5e-9", unix_unit::seconds), std::nullopt);
  EXPECT_EQ(from_unix("25e-1", unix_unit::seconds), (instant{2, 500'000'000}));
  for (const char* const zero : {"0", "-0", "0e99999", "0.0e-99999", "-0.000"})
    EXPECT_EQ(from_unix(zero, unix_unit::seconds), (instant{0, 0})) << zero;
  EXPECT_EQ(from_unix("253402300799.999999999", unix_unit::seconds),
            (instant{253'402'300'799, 999'999'999}));
  EXPECT_EQ(from_unix("-62135596800", unix_unit::seconds), (instant{-62'135'596'800, 0}));
  EXPECT_EQ(from_unix("-62135596799.5", unix_unit::seconds),
            (instant{-62'135'596'800, 500'000'000}));
}

TEST(timestamp, a_format_of_seconds_and_fraction_counts_as_the_number_does) {
  random_source random(seed());
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed()));
  const auto format = time_format::compile("%s.%f").value();
  EXPECT_EQ(parsed("%s.%f", "-0.5"), "1969-12-31T23:59:59.500Z");
  EXPECT_EQ(parsed("%s.%3f", "-1.250"), "1969-12-31T23:59:58.750Z");
  EXPECT_EQ(parsed("%s,%f", "-0,000"), "1970-01-01T00:00:00Z");
  EXPECT_EQ(parsed("%s.%f", "1.1234567899"), "1970-01-01T00:00:01.123456789Z");
  EXPECT_EQ(parsed("%s.%f", "253402300799.9"), "9999-12-31T23:59:59.900Z");
  EXPECT_EQ(parsed("%s.%f", "-62135596800.1"), "no");
  EXPECT_EQ(parsed("%s.%f", "-62135596799.9"), "0001-01-01T00:00:00.100Z");
  for (int i = 0; i < 5'000; ++i) {
    const uint64_t range = i % 2 ? 3 : 70'000'000'000;
    std::string text =
      (random.next() % 2 ? "-" : "") + std::to_string(random.next() % range);
    text += "." + std::to_string(random.next() % 1'000'000'000);
    EXPECT_EQ(format.parse(text), from_unix(text, unix_unit::seconds)) << text;
  }
}
