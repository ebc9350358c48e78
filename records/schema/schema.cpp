#include "records/schema/schema.hpp"

#include "records/json/limits.hpp"
#include "records/json/text.hpp"
#include "records/schema/check.hpp"
#include "records/schema/compiler.hpp"
#include "records/schema/program.hpp"
#include "records/schema/prospects.hpp"
#include "records/schema/text.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

using namespace schema_detail;

/// Finds where text stops being JSON: simdjson, which is fast, does not say.
class error_finder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t at, const std::string&,
                   const nlohmann::json::exception&) override {
    position = at;
    return false;
  }

  size_t position = 0; ///< bytes read before it failed; 0: it did not fail
};

/// Writes `:line:column` of the byte at `position`; columns count characters.
std::string at_place(std::string_view text, size_t position) {
  const auto before = text.substr(0, position);
  const auto line = before.substr(before.rfind('\n') + 1);
  const auto column = std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  return ":" + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) + ":"
         + std::to_string(1 + column);
}

/// True for UTF-16 or UTF-32: it has a zero among its first four bytes, or a byte order mark.
bool is_wide(std::string_view text) {
  const auto head = text.substr(0, 4);
  return head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")
         || head.find('\0') != head.npos;
}

std::string not_json(std::string_view text, std::string_view file,
                     simdjson::error_code code) {
  std::string out(file);
  if (code == simdjson::DEPTH_ERROR)
    return out + ": nested deeper than " + std::to_string(json_depth_max)
           + " levels of JSON";
  const auto number =
    code == simdjson::NUMBER_ERROR ? find_unheld_number(text) : std::string_view{};
  // Such a number is valid JSON, so the other parser would find nothing wrong with it.
  if (!number.empty())
    return out + at_place(text, static_cast<size_t>(number.data() - text.data())) + ": "
           + steps::echo(number) + " is " + std::string{unheld_number_text};
  error_finder finder;
  nlohmann::json::sax_parse(text, &finder);
  if (finder.position > 0)
    out += at_place(text, std::min(finder.position - 1, text.size()));
  return out + ": not valid JSON: " + simdjson::error_message(code);
}

} // namespace

schema::schema(std::unique_ptr<const program> compiled) : program_(std::move(compiled)) {}
schema::~schema() = default;

result<std::shared_ptr<const schema>> schema::compile(std::string_view text,
                                                      std::string_view file) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) // some editors write it
    text.remove_prefix(byte_order_mark.size());
  if (is_wide(text))
    return fail(ec::invalid_config,
                std::string(file) + ":1:1: is UTF-16 or UTF-32; save it as UTF-8");
  if (text.size() > schema_bytes_max)
    return fail(ec::invalid_config, std::string(file) + ": the schema has "
                                      + std::to_string(text.size()) + " bytes, at most "
                                      + std::to_string(schema_bytes_max) + " are read");
  auto made = std::make_unique<program>();
  simdjson::dom::element root;
  auto code = made->source.allocate(std::max<size_t>(text.size(), 64), json_depth_max);
  if (!code)
    code = made->source.parse(text.data(), text.size()).get(root);
  if (code)
    return fail(ec::invalid_config, not_json(text, file, code));
  if (auto compiled = compiler(file, *made).run(root); !compiled)
    return tl::unexpected(std::move(compiled.error()));
  return std::shared_ptr<const schema>(new schema(std::move(made)));
}

result<std::shared_ptr<const schema>> schema::compile_for_records(std::string_view text,
                                                                  std::string_view file) {
  auto made = compile(text, file);
  if (!made)
    return made;
  const auto& compiled = *(*made)->program_;
  const auto why = prospects(compiled).why_no_record(compiled.root);
  if (why.empty())
    return made;
  return fail(ec::invalid_config, std::string(file)
                                    + ": #: no record can match this schema: a record is "
                                      "an object, and "
                                    + why);
}

bool schema::surely_admits(const schema* which, simdjson::dom::parser& parser,
                           std::string_view record, member_order& order) {
  static const program anything = [] {
    program made;
    made.nodes.emplace_back();
    return made;
  }();
  return checker(which ? *which->program_ : anything).admits_flat(parser, record, order);
}

std::optional<violation> schema::check(simdjson::dom::element record) const {
  return checker(*program_).run(record);
}

} // namespace weir
