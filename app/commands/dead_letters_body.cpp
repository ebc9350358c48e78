#include "app/commands/dead_letters_body.hpp"

#include "app/config/units.hpp"
#include "app/send/patient_post.hpp"
#include "records/formats/media_type.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

/// Records with these codes were read as CSV.
constexpr std::array<std::string_view, 2> codes_of_rows{"ragged_row", "malformed_csv"};

/// Records with these codes were read as JSON, or an earlier stage made them JSON. They
/// are worth sending only if they are objects.
constexpr std::array<std::string_view, 5> codes_of_json{
  "malformed_json", "not_an_object", "too_deep", "record_too_large", "transform_failed"};

template <size_t Count>
bool one_of(std::string_view code, const std::array<std::string_view, Count>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool is_object(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{' && nlohmann::json::accept(text);
}

tl::unexpected<fault> refused(const dead_letter& letter, std::string_view why) {
  return fail(ec::malformed_body, fmt::format("{}: {}", one_line(letter.code, 64), why));
}

/// The header is given, whatever the stream says; its delimiter is the stream's unless
/// one is named.
replay_body row_of(const dead_letter& letter, const dead_letters_options& options) {
  auto type = content_type_of(body_format::csv) + "; header=present";
  if (options.csv_delimiter)
    type += "; delimiter=\"" + csv_delimiter_name(*options.csv_delimiter) + '"';
  return {std::move(type), options.csv_header + "\r\n" + letter.body};
}

} // namespace

result<replay_body> body_of(const dead_letter& letter,
                            const dead_letters_options& options) {
  const auto& header = options.csv_header;
  if (one_of(letter.code, codes_of_rows) && header.empty())
    return refused(letter, "a row of CSV is kept without its header: name it with "
                           "--csv-header");
  if (one_of(letter.code, codes_of_rows))
    return row_of(letter, options);
  // Every stream takes a JSON object, whatever it was at first.
  if (is_object(letter.body))
    return replay_body{content_type_of(body_format::json), letter.body};
  if (letter.code == "invalid_utf8")
    return refused(letter, "no format takes text that is not UTF-8: mend it and store it "
                           "with weir send");
  if (one_of(letter.code, codes_of_json))
    return refused(letter, "it is not a JSON object, so it would be rejected again: mend "
                           "it and store it with weir send");
  if (!header.empty())
    return row_of(letter, options);
  if (options.text)
    return replay_body{content_type_of(body_format::text), letter.body};
  return refused(letter, "it may be a line of text or a row of CSV: say --text, or "
                         "--csv-header ROW");
}

} // namespace weir
