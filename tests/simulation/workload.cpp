#include "tests/simulation/workload.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <stdexcept>

namespace weir::simulation {

namespace {

constexpr std::string_view id_member = "{\"id\":";
constexpr std::string_view fault_member = "\"fault\":\"";

std::string fault_of(const request_plan& request, size_t record) {
  const auto kind = request.records[record];
  if (kind != record_kind::crashes && kind != record_kind::hangs)
    return {};
  const auto id = record_id(request, record);
  return fmt::format(",{}{}{}{}\"", fault_member,
                     kind == record_kind::crashes ? 'c' : 'h', "vt"[id % 2],
                     "mmmnw"[id / 2 % 5]);
}

std::string text_of(const request_plan& request, size_t record, std::string_view added) {
  const auto id = record_id(request, record);
  const auto kind = request.records[record];
  if (kind == record_kind::refused && (!request.checked || id % 3 == 0))
    return fmt::format("[{}]", id);
  const int value = kind == record_kind::refused   ? -1
                    : kind == record_kind::dropped ? 77
                                                   : static_cast<int>(id % 50);
  return fmt::format("{}{},\"v\":{}{},\"pad\":\"{}\"{}}}", id_member, id, value,
                     fault_of(request, record), std::string(request.padding, 'x'), added);
}

template <class T>
T required(result<T> made) {
  if (!made)
    throw std::logic_error(made.error().text);
  return std::move(*made);
}

std::string_view mark_of(bool other_rules) {
  return other_rules ? "again" : "yes";
}

catalog_ptr make_catalog(bool other_rules) {
  stream_spec plain;
  plain.settings.name = "plain";
  plain.steps = required(weir::plan::compile(nlohmann::json::array(), "plain", {}));
  stream_spec checked;
  checked.settings.name = "checked";
  checked.settings.admission = admission_policy::shed;
  checked.settings.dead_letters = dead_letter_policy::store;
  checked.check =
    required(schema::compile(R"({"type":"object","required":["id","v"],"properties":)"
                             R"({"v":{"type":"integer","minimum":0}}})",
                             "checked"));
  checked.steps =
    required(weir::plan::compile(nlohmann::json::parse(fmt::format(
                                   R"([{{"drop":true,"when":{{"field":"v","eq":77}}}},)"
                                   R"({{"set":{{"field":"seen","value":"{}"}}}}])",
                                   mark_of(other_rules))),
                                 "checked", {}));
  return std::make_shared<const catalog>(
    catalog::stream_map{{"plain", plain}, {"checked", checked}});
}

} // namespace

std::string record_text(const request_plan& request, size_t record) {
  return text_of(request, record, "");
}

std::string stored_text(const request_plan& request, size_t record, bool other_rules) {
  return text_of(request, record,
                 request.checked ? fmt::format(",\"seen\":\"{}\"", mark_of(other_rules))
                                 : "");
}

std::string body_of(const request_plan& request, size_t records) {
  std::string body = request.as_array ? "[" : "";
  for (size_t i = 0; i < records; ++i) {
    if (i > 0)
      body += request.as_array ? "," : "\n";
    body += record_text(request, i);
  }
  return body + (request.as_array ? "]" : "\n");
}

uint64_t id_in(std::string_view text) noexcept {
  const auto skipped = text.starts_with(id_member) ? id_member.size() : size_t{1};
  uint64_t id = 0;
  if (text.size() > skipped)
    std::from_chars(text.data() + skipped, text.data() + text.size(), id);
  return id;
}

std::optional<mischief> mischief_in(std::string_view text, stage_name stage) noexcept {
  const auto at = text.find(fault_member);
  if (at == std::string_view::npos || text.size() < at + fault_member.size() + 3)
    return std::nullopt;
  const auto* const said = text.data() + at + fault_member.size();
  if (said[1] != static_cast<char>(stage))
    return std::nullopt;
  return mischief{said[0], said[2]};
}

catalog_ptr simulation_catalog(bool other_rules) {
  static const catalog_ptr made[] = {make_catalog(false), make_catalog(true)};
  return made[other_rules];
}

} // namespace weir::simulation
