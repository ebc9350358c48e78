// The table of formats: what holds for each of them, whatever it is.
#include "records/formats/kind.hpp"

#include "records/formats/frame_scanner.hpp"
#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"
#include "tests/records/formats/framing_fixture.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

using namespace weir;
using namespace weir::test;

namespace {

/// Every byte is a record; no text.
class byte_scanner final : public frame_scanner {
 public:
  using frame_scanner::frame_scanner;
  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out) override {
    for (size_t found = 0; found < records_max && pos_ < bytes.size(); ++found)
      emit(1, ++pos_, out);
    finished_ = last && pos_ == bytes.size();
    return {};
  }
};

constexpr media_name byte_names[] = {{"application/bytes"}};
constexpr format_kind bytes_format{
  .name = "bytes",
  .content_type = "application/bytes",
  .media_types = byte_names,
  .is_text = false,
  .make_scanner = [](const framing_limits& limits) -> std::unique_ptr<frame_scanner> {
    return std::make_unique<byte_scanner>(limits);
  },
};

} // namespace

TEST(format_kinds, each_says_all_that_is_asked_of_it) {
  for (const auto* kind : format_kinds()) {
    SCOPED_TRACE(kind->name);
    EXPECT_FALSE(kind->name.empty());
    EXPECT_EQ(&kind_of(kind->format), kind);
    EXPECT_EQ(find_format(kind->name), kind);
    EXPECT_TRUE(kind->make_scanner && kind->decode);
    EXPECT_EQ(kind->fits != nullptr, kind->sure != certainty::none);
    EXPECT_TRUE(
      std::any_of(kind->media_types.begin(), kind->media_types.end(),
                  [&](const auto& name) { return name.type == kind->content_type; }));
  }
}

TEST(format_kinds, no_two_have_a_name_a_number_or_a_media_type_in_common) {
  std::set<std::string_view> names{"sniff"}; // the command line's word for none of them
  std::set<std::string_view> types;
  std::set<body_format> numbers;
  for (const auto* kind : format_kinds()) {
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
    EXPECT_TRUE(numbers.insert(kind->format).second) << kind->name;
    for (const auto& name : kind->media_types)
      EXPECT_TRUE(types.insert(name.type).second) << name.type;
    if (!kind->suffix.empty()) {
      EXPECT_TRUE(types.insert(kind->suffix).second) << kind->suffix;
    }
  }
}

TEST(format_kinds, each_is_read_under_all_its_names_and_written_under_one) {
  for (const auto* kind : format_kinds()) {
    const auto expect = [&](const std::string& type) {
      const auto read = media_type_of(type);
      ASSERT_TRUE(read) << type << ": " << read.error().text;
      EXPECT_EQ(read->format, kind->format) << type;
    };
    for (const auto& name : kind->media_types)
      expect(std::string{name.type});
    if (!kind->suffix.empty())
      expect("application/x" + std::string{kind->suffix});
    expect(content_type_of(kind->format));
  }
}

TEST(format_kinds, one_takes_whatever_no_other_wants) {
  EXPECT_EQ(std::count_if(format_kinds().begin(), format_kinds().end(),
                          [](auto* kind) { return kind->sure == certainty::none; }),
            1);
  EXPECT_EQ(last_resort().format, body_format::text);
}

/// A peer knows only the format that a batch says.
TEST(format_kinds, records_are_decoded_alike_under_the_format_that_a_batch_has) {
  for (const auto* kind : format_kinds()) {
    const auto& framed = kind_of(framed_as(kind->format));
    EXPECT_TRUE(is_of_records(framed.format)) << kind->name;
    EXPECT_EQ(framed.record, kind->record) << kind->name;
    EXPECT_EQ(framed.decode, kind->decode) << kind->name;
  }
}

TEST(format_kinds, a_number_that_is_none_s_is_a_bug) {
  EXPECT_THROW(kind_of(static_cast<body_format>(200)), std::logic_error);
  EXPECT_EQ(find_format("sniff"), nullptr);
}

TEST(format_kinds, what_is_no_text_has_neither_byte_order_mark_nor_charset) {
  framer frames{bytes_format, {}};
  const std::string body = "\xEF\xBB\xBF";
  std::vector<record_ref> found;
  ASSERT_TRUE(frames.scan(body, true, 10, found));
  EXPECT_EQ(found.size(), 3u);
  const std::string wide{"\xFF\xFEt\0", 4};
  EXPECT_TRUE((framer{bytes_format, {}}.scan(wide, true, 10, found)));

  const format_kind* const both[] = {&bytes_format, &last_resort()};
  EXPECT_TRUE(media_type_of("application/bytes; charset=latin1", both));
  EXPECT_FALSE(media_type_of("text/plain; charset=latin1", both));
}
