#include "records/transform/step_split.hpp"

#include "records/transform/step_convert.hpp"
#include "records/transform/step_parse.hpp"

namespace weir::steps {

namespace {

constexpr int64_t parts_limit = split_parts::parts_total_max;
constexpr int64_t bytes_limit = parts_room_max;

/// After the element or member that begins at `at`, in compact JSON that was read before.
const char* skip_member(const char* at, const char* end, bool named) noexcept {
  bool ignored = false;
  if (named) {
    at = scan_string(at + 1, end, ignored);
    if (!at)
      return nullptr;
    at += 2; // the quote and the colon
  }
  return scan_value(at, end, depth_max, ignored);
}

/// Elements or members of a container, without opening it: what a list of them takes is many
/// times as long as their text. None for what is no container.
size_t count_members(std::string_view json) noexcept {
  const bool named = json.front() == '{';
  if ((!named && json.front() != '[') || json.size() == 2)
    return 0;
  const char* const end = json.data() + json.size();
  size_t count = 0;
  for (const char* at = json.data() + 1; at && at < end; ++at, ++count)
    if (!(at = skip_member(at, end, named)))
      break;
  return count;
}

value value_of(std::string_view json) noexcept {
  if (json.front() != '"')
    return value::json(json);
  value v;
  v.text = json.substr(1, json.size() - 2);
  v.is = v.text.find('\\') == v.text.npos ? value::form::plain : value::form::escaped;
  return v;
}

void append(std::string& out, const value& v) {
  if (v.is_string())
    out.append("\"").append(v.text).append("\"");
  else
    out += v.text;
}

} // namespace

split_step split_step::compile(step_arguments& arguments) {
  split_step step;
  if (arguments.value().is_string()) {
    step.field = arguments.pointer(arguments.value());
    return step;
  }
  if (!arguments.mapping(
        {"field", "into", "keep", "parts_max", "bytes_max", "on_missing"}))
    return step;
  step.field = arguments.field("field");
  if (arguments.find("into"))
    step.into = arguments.field("into");
  step.keep = arguments.flag_or("keep", false);
  if (arguments.find("parts_max"))
    step.parts_max = arguments.integer("parts_max", 1, parts_limit);
  if (arguments.find("bytes_max"))
    step.bytes_max = arguments.integer("bytes_max", 1024, bytes_limit);
  step.missing = read_missing(arguments.value(), arguments);
  return step;
}

verdict split_step::run(step_run& run) const {
  auto* const found = run.tree.find(field);
  if (!found || found->held.is_null())
    return missing == when_missing::skip ? verdict::next : run.reject_missing(field);
  if (found->held.type() != value_type::array)
    return run.reject(field, echo(found->held, run) + " is not an array");
  const auto array = run.tree.detach(found->held).text;
  auto& parts = run.parts;
  parts.count = count_members(array);
  if (parts.count == 0)
    return verdict::drop;
  if (parts.count > static_cast<uint64_t>(parts_max))
    return run.reject(field, "it has " + std::to_string(parts.count)
                               + " elements, and parts_max is "
                               + std::to_string(parts_max));
  parts.step = this;
  parts.next = array.data() + 1;
  parts.end = array.data() + array.size();
  parts.made = parts.bytes = 0;
  if (!keep)
    return verdict::split;
  run.tree.erase(field);
  // The rest is read again in each part: it must be no more than an element may be.
  return run.tree.root().size() > parsed_fields_max
           ? reject_wide(run, "the rest of the record")
           : verdict::split;
}

verdict split_step::make_part(step_run& run) const {
  auto& parts = run.parts;
  const char* const begin = parts.next;
  const char* const behind = skip_member(begin, parts.end, false);
  if (!behind) // it was read before
    return run.reject(field, "is not an array of JSON values");
  parts.next = behind + 1; // the comma, or the closing bracket
  parts.memory.reset();
  parts.text.clear();
  const std::string_view json{begin, static_cast<size_t>(behind - begin)};
  const auto element = value_of(json);
  if (!into && element.type() != value_type::object)
    return run.reject(field, "element " + std::to_string(parts.made) + ", "
                               + echo(element, run)
                               + ", is no object; name a field for it with `into`");
  if (!into && count_members(json) > parsed_fields_max)
    return reject_wide(run, "an element");
  const auto done = !keep  ? add_element(run, element)
                    : into ? add_whole(run, element)
                           : add_merged(run, element);
  if (done != verdict::next)
    return done;
  parts.text.reserve(parts.text.size() + text_padding);
  ++parts.made;
  parts.bytes += parts.text.size() + part_bytes;
  return parts.bytes <= static_cast<uint64_t>(bytes_max)
           ? verdict::next
           : run.reject(field, "its parts take more than bytes_max, "
                                 + std::to_string(bytes_max) + " bytes, together ("
                                 + std::to_string(part_bytes)
                                 + " are counted for each beside its text)");
}

verdict split_step::reject_wide(step_run& run, const char* what) const {
  return run.reject(field, std::string{what} + " has more than "
                             + std::to_string(parsed_fields_max)
                             + " fields at its top level");
}

// The element alone, or as the one field of a record.
verdict split_step::add_element(step_run& run, const value& element) const {
  auto& out = run.parts.text;
  const size_t levels = into ? into->tokens().size() : 0;
  for (size_t i = 0; i < levels; ++i)
    out.append("{\"").append(into->tokens()[i].key).append("\":");
  append(out, element);
  out.append(levels, '}');
  return verdict::next;
}

verdict split_step::add_whole(step_run& run, const value& element) const {
  if (const auto done = run.put(*into, element); done != verdict::next)
    return done;
  return run.tree.write(run.parts.text)
           ? verdict::next
           : run.reject(*into, "it would nest the record more than 64 levels deep");
}

// The element's fields replace those of their names, for this part only.
verdict split_step::add_merged(step_run& run, const value& element) const {
  auto& memory = run.parts.memory;
  auto* const fields = run.parts.element.parse_container(element.text, depth_max);
  if (!fields) // it was read before
    return run.reject(field, "is not an array of JSON objects");
  fields->leave_one_of_each(memory);
  auto& root = run.tree.root();
  const tree_node rest = root;
  root = tree_node{};
  for (const auto& f : rest.fields())
    root.append(f, memory);
  for (const auto& f : fields->fields())
    if (auto* const old = root.find(f.name))
      old->assign(f.held);
    else
      root.append(f, memory);
  const bool written = run.tree.write(run.parts.text);
  root = rest;
  return written ? verdict::next
                 : run.reject(field, "it would nest the record more than 64 levels deep");
}

std::string split_step::describe() const {
  return "split " + field.text() + ", each element "
         + (into ? "as " + into->text() : "at the top level")
         + (keep ? ", with the rest of the record" : "") + ", at most "
         + std::to_string(parts_max) + " in " + std::to_string(bytes_max) + " bytes"
         + (missing == when_missing::reject ? ", reject if missing" : "");
}

} // namespace weir::steps
