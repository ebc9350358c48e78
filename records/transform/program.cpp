#include "records/transform/program.hpp"

namespace weir::steps {

namespace {

struct step_kind {
  std::string_view name;
  any_step (*compile)(step_arguments& arguments);
};

template <class Step>
any_step make(step_arguments& arguments) {
  return Step::compile(arguments);
}

constexpr step_kind kinds[] = {
  {"rename", make<rename_step>},
  {"copy", make<copy_step>},
  {"remove", make<remove_step>},
  {"keep", make<keep_step>},
  {"set", make<set_step>},
  {"default", make<default_step>},
  {"add", make<add_step>},
  {"convert", make<convert_step>},
  {"parse", make<parse_step>},
  {"lowercase", make<lowercase_step>},
  {"uppercase", make<uppercase_step>},
  {"trim", make<trim_step>},
  {"truncate", make<truncate_step>},
  {"redact", make<redact_step>},
  {"hash", make<hash_step>},
  {"split", make<split_step>},
  {"drop", make<drop_step>},
  {"sample", make<sample_step>},
  {"fault", make<fault_step>},
};

// Those that may be used: fault is not advertised where it is not allowed.
std::string allowed_steps(plan_options options) {
  std::string text;
  for (const auto& kind : kinds)
    if (kind.name != "fault" || options.fault_injection)
      text += (text.empty() ? "" : ", ") + std::string(kind.name);
  return text;
}

const step_kind* find_kind(std::string_view name) noexcept {
  for (const auto& kind : kinds)
    if (kind.name == name)
      return &kind;
  return nullptr;
}

// The one key beside `when`; empty when there is none or more than one.
std::string step_key(const config_value& entry) {
  std::string found;
  if (!entry.is_object() || entry.size() != (entry.contains("when") ? 2u : 1u))
    return found;
  for (const auto& [key, unused] : entry.items())
    if (key != "when")
      found = key;
  return found;
}

} // namespace

std::string compiled_step::describe() const {
  const auto text = std::visit([](const auto& s) { return s.describe(); }, step);
  return when ? text + ", when " + when->describe() : text;
}

result<compiled_step> compile_step(const config_value& entry, const std::string& place,
                                   plan_options options) {
  const auto key = step_key(entry);
  if (key.empty())
    return fail(ec::invalid_config,
                place
                  + ": an entry needs one key that names the step, and maybe "
                    "`when`; steps are "
                  + allowed_steps(options));
  const auto* const kind = find_kind(key);
  if (!kind)
    return fail(ec::invalid_config, place + ": unknown step " + echo(key) + "; steps are "
                                      + allowed_steps(options));
  if (kind->name == "fault" && !options.fault_injection)
    return fail(
      ec::invalid_config,
      place
        + ": the step fault is for tests; it works only with fault injection enabled");
  step_arguments arguments{entry[key]};
  compiled_step compiled{kind->name, kind->compile(arguments), std::nullopt};
  if (const auto when = entry.find("when"); when != entry.end() && !arguments.failed())
    compiled.when = condition::parse(*when, arguments);
  if (arguments.failed())
    return fail(ec::invalid_config, place + " (" + key + "): " + arguments.complaint());
  return compiled;
}

} // namespace weir::steps
