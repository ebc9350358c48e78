#include "records/transform/step_set.hpp"

#include "records/json/timestamp.hpp"

namespace weir::steps {

value literal_value(std::string_view json) noexcept {
  value v = value::json(json);
  if (json.front() == '"') {
    v.text = json.substr(1, json.size() - 2);
    v.is = v.text.find('\\') == std::string_view::npos ? value::form::plain
                                                       : value::form::escaped;
  }
  return v;
}

text_template text_template::parse(std::string_view text, step_arguments& arguments) {
  text_template parsed;
  parsed.pieces_.emplace_back();
  // The last piece has a literal only: each field ends a piece and begins the next.
  for (size_t i = 0; i < text.size(); ++i) {
    const auto two = text.substr(i, 2);
    if (two == "{{" || two == "}}") {
      parsed.pieces_.back().literal += text[i++];
    } else if (text[i] == '{') {
      const size_t end = text.find('}', i);
      if (end == std::string_view::npos) {
        arguments.fail("the template has a { without }; a literal brace is {{");
        return parsed;
      }
      parsed.pieces_.back().field =
        arguments.pointer(std::string(text.substr(i + 1, end - i - 1)));
      parsed.pieces_.emplace_back();
      i = end;
    } else if (text[i] == '}') {
      arguments.fail("the template has a } without {; a literal brace is }}");
      return parsed;
    } else {
      parsed.pieces_.back().literal += text[i];
    }
  }
  return parsed;
}

verdict text_template::render(step_run& run) const {
  run.buffer.clear();
  for (const auto& p : pieces_) {
    run.buffer += p.literal;
    if (!p.field)
      continue;
    const auto* const found = run.tree.find(*p.field);
    // Half a text would be worse than a rejection, so every field must be there.
    if (!found || found->held.is_null())
      return run.reject_missing(*p.field);
    const auto type = found->held.type();
    if (type == value_type::object || type == value_type::array)
      return run.reject(*p.field, echo(found->held, run) + " cannot stand in a template");
    run.buffer += run.tree.text_of(found->held);
  }
  return verdict::next;
}

set_step set_step::compile(step_arguments& arguments) {
  set_step step;
  if (!arguments.mapping({"field", "value", "template"}))
    return step;
  step.field = arguments.field("field");
  const auto* const literal = arguments.find("value");
  if (!literal == !arguments.find("template"))
    arguments.fail("needs either \"value\" with a literal or \"template\" with a text");
  else if (literal)
    step.literal = arguments.literal(*literal);
  else
    step.text = text_template::parse(step.source = arguments.text("template"), arguments);
  return step;
}

verdict set_step::run(step_run& run) const {
  if (!literal.empty())
    return run.put(field, literal_value(run.memory.copy(literal)));
  if (const auto rendered = text.render(run); rendered != verdict::next)
    return rendered;
  return run.put(field, run.tree.string_of(run.memory.copy(run.buffer)));
}

std::string set_step::describe() const {
  return "set " + field.text() + " to "
         + (literal.empty() ? "the text " + echo(source)
                            : std::string(clip(literal, echo_bytes_max)));
}

default_step default_step::compile(step_arguments& arguments) {
  default_step step;
  if (!arguments.mapping({"field", "value"}))
    return step;
  step.field = arguments.field("field");
  if (const auto* const literal = arguments.find("value"))
    step.literal = arguments.literal(*literal);
  else
    arguments.fail("the argument \"value\" is missing");
  return step;
}

verdict default_step::run(step_run& run) const {
  const auto* const found = run.tree.find(field);
  return found && !found->held.is_null()
           ? verdict::next
           : run.put(field, literal_value(run.memory.copy(literal)));
}

std::string default_step::describe() const {
  return "default " + field.text() + " to " + std::string(clip(literal, echo_bytes_max));
}

add_step add_step::compile(step_arguments& arguments) {
  add_step step;
  config_value named = arguments.value();
  // A name or a list of names stands for a mapping of each to itself.
  if (named.is_string())
    named = config_value::array({named});
  if (named.is_array()) {
    config_value mapping = config_value::object();
    for (const auto& name : named) {
      if (name.is_string())
        mapping[name.get<std::string>()] = name;
      else
        arguments.fail("needs a list of received_at, stream, client");
    }
    named = std::move(mapping);
  }
  if (!arguments.mapping(named, {"received_at", "stream", "client"}))
    return step;
  if (named.empty())
    arguments.fail("needs at least one of received_at, stream, client");
  const auto read = [&](const char* key) -> std::optional<field_pointer> {
    return named.contains(key) ? std::optional(arguments.pointer(named[key]))
                               : std::nullopt;
  };
  step.received_at = read("received_at");
  step.stream = read("stream");
  step.client = read("client");
  return step;
}

verdict add_step::run(step_run& run) const {
  auto done = verdict::next;
  if (received_at) {
    rfc3339_buffer buffer;
    const auto text =
      run.memory.copy(micros_to_rfc3339(run.context.received_at_us, buffer));
    done = run.put(*received_at, run.tree.string_of(text));
  }
  if (stream && done == verdict::next)
    done = run.put(*stream, run.tree.string_of(run.memory.copy(run.context.stream)));
  if (client && done == verdict::next)
    done = run.put(*client, run.tree.string_of(run.memory.copy(run.context.client)));
  return done;
}

std::string add_step::describe() const {
  std::string text;
  const auto append = [&text](const char* what,
                              const std::optional<field_pointer>& field) {
    if (field)
      text += (text.empty() ? "add " : ", ") + std::string(what) + " as " + field->text();
  };
  append("received_at", received_at);
  append("stream", stream);
  append("client", client);
  return text;
}

} // namespace weir::steps
