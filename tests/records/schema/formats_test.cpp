#include "records/schema/formats.hpp"
#include "tests/records/schema/support.hpp"

using namespace weir;

namespace {

struct format_case {
  const char* name;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

void run(const format_case& each) {
  const auto* const found = schema_detail::find_format(each.name);
  ASSERT_NE(found, nullptr) << each.name;
  for (const std::string& text : each.valid)
    EXPECT_TRUE(found->accepts(text)) << each.name << " refuses " << text;
  for (const std::string& text : each.invalid)
    EXPECT_FALSE(found->accepts(text)) << each.name << " admits " << text;
}

} // namespace

TEST(schema_formats, dates_are_days_of_the_calendar) {
  run({"date",
       {"2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31", "2023-11-30"},
       {"", "2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01",
        "2024-01-00", "2024-1-01", "24-01-01", "2024/01/01", "2024-01-01 ", "2024-01-0a",
        "+024-01-01", "2024-01-32"}});
}

TEST(schema_formats, times_need_an_offset_and_leap_seconds_the_end_of_a_utc_day) {
  run(
    {"time",
     {"00:00:00Z", "23:59:59z", "12:00:00.1234567890+23:59", "23:59:60Z",
      "15:59:60-08:00", "01:29:60+01:30", "12:00:00-00:00"},
     {"", "12:00:00", "24:00:00Z", "12:60:00Z", "12:00:61Z", "12:00:60Z",
      "23:59:60+01:00", "12:00:00.Z", "12:00:00+24:00", "12:00:00+1:00", "12:00:00+0100",
      "12:00:00+01:60", "1:00:00Z", "12:00Z", "12:00:00ZZ", "12:00:00,5Z", "12:00:00+"}});
}

TEST(schema_formats, date_times_join_both_with_a_t) {
  run({"date-time",
       {"2024-05-01T12:00:00Z", "2024-05-01t12:00:00.5+02:00", "1998-12-31T23:59:60Z",
        "1998-12-31T15:59:60.123-08:00"},
       {"", "2024-05-01", "2024-05-01 12:00:00Z", "2024-05-01T12:00:00",
        "2024-02-30T12:00:00Z", "2024-05-01T", "T12:00:00Z", "2024-05-01T12:00:00Z\n",
        "2024-05-01T25:00:00Z"}});
}

TEST(schema_formats, addresses) {
  run({"ipv4",
       {"0.0.0.0", "255.255.255.255", "127.0.0.1"},
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", ".1.2.3", "1..2.3",
        "1.2.3.4 ", "1.2.3.0x4", "1.2.3.4444", "a.b.c.d"}});
  run({"ipv6",
       {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "fe80::1234:AbCd", "::ffff:192.168.0.1", "1:2:3:4:5:6:1.2.3.4", "1::1.2.3.4"},
       {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
        "12345::", "g::", "1:2:3:4:5:6:7:8::", "::1%eth0", "1:", ":1", "1.2.3.4",
        "1.2.3.4::", "::1.2.3.256", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", " ::1",
        "1:::2"}});
}

TEST(schema_formats, names_and_mailboxes) {
  const std::string label(63, 'a');
  run({"hostname",
       {"a", "localhost", "example.com", "xn--4gbwdl.xn--wgbh1c", "1host", "a-b.c", label,
        label + "." + label + "." + label + "." + std::string(61, 'a')},
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a_b", label + "a", "a b",
        "é.com", label + "." + label + "." + label + "." + std::string(62, 'a')}});
  run({"email",
       {"joe@example.com", "a.b+c@example.co", "\"joe bloggs\"@example.com",
        "\"a\\\"b\"@example.com", "joe@[127.0.0.1]", "joe@[IPv6:::1]", "~x@a",
        std::string(64, 'a') + "@a"},
       {"", "joe", "@example.com", "joe@", "a@b@c", ".joe@example.com",
        "joe.@example.com", "a..b@example.com", "joe@-a.com", "jo e@example.com",
        "\"joe@example.com", "\"a\"b\"@example.com", "joe@[1.2.3]", "joe@[::1]",
        "jöe@example.com", std::string(65, 'a') + "@a", "joe@[127.0.0.1", "\"\\\"@a"}});
}

TEST(schema_formats, uuids) {
  run({"uuid",
       {"2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
        "00000000-0000-0000-0000-000000000000"},
       {"", "2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08aa9811eab4aa73b441d16380",
        "2eb8aa08-aa98-11ea-b4aa-73b441d1638g", "2eb8aa0-8aa98-11ea-b4aa-73b441d16380",
        "{2eb8aa08-aa98-11ea-b4aa-73b441d163}"}});
}

TEST(schema_formats, uris_have_a_scheme_and_only_their_characters) {
  run({"uri",
       {"http://example.com", "http://u:p@example.com:8080/a/b?q=1&r=/?#frag?",
        "https://[2001:db8::7]/c", "mailto:joe@example.com", "urn:isbn:0451450523",
        "tel:+1-816-555-1212", "file:///etc/hosts", "http://a/%C3%A9", "x:", "http://",
        "http://a:/", "ldap://[v1.x:y]/"},
       {"",
        "example.com",
        "/a/b",
        "//a/b",
        "1http://a",
        ":a",
        "http://a b",
        "http://a/é",
        "http://a/%4",
        "http://a/%zz",
        "http://a:8x/",
        "http://[::1",
        "http://[::g]/",
        "http://a/[b]",
        "http://a/<b>",
        "http://a#b#c",
        "ht_tp://a",
        "http://a\\b",
        "http://[::1]x/",
        "http://a@b@c/"}});
}

TEST(schema_formats, a_name_we_do_not_assert_is_unknown) {
  EXPECT_EQ(schema_detail::find_format("regex"), nullptr);
  EXPECT_EQ(schema_detail::find_format(""), nullptr);
}

TEST(schema_formats, validators_survive_any_bytes) {
  std::mt19937_64 random(schema_test::seed());
  constexpr std::string_view pieces = "0129:.-+TZ@[]%/?#aFgv\"\\ \x00\x80";
  for (const char* const name :
       {"date", "time", "date-time", "email", "ipv4", "ipv6", "uuid", "uri", "hostname"})
    for (int i = 0; i < 5000; ++i) {
      std::string text(random() % 24,
                       '0'); // exact-size heap buffers: a sanitizer sees overreads
      for (char& c : text)
        c = pieces[random() % pieces.size()];
      const std::vector<char> exact(text.begin(), text.end());
      const std::string_view view(exact.data(), exact.size());
      EXPECT_EQ(schema_detail::find_format(name)->accepts(view),
                schema_detail::find_format(name)->accepts(text));
    }
}
