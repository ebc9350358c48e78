#include "app/config/config_reference.hpp"

#include "app/config/config_keys.hpp"
#include "app/config/units.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

class key_describer final : public key_visitor {
 public:
  std::vector<key_description> rows;

  void section(key_name key, const std::function<void()>& body) override {
    add(key, "section", "", "");
    inside(key.name, body);
  }
  void map(key_name key, const std::vector<std::string>&,
           const std::function<void(const std::string&)>& element) override {
    add(key, "map by name", "`default`", "names `^[a-z0-9][a-z0-9_-]{0,63}$`");
    inside(std::string{key.name} + ".*", [&] { element("*"); });
  }
  void list(key_name key, size_t present,
            const std::function<void(size_t)>& element) override {
    add(key, "list", "none", "");
    inside(std::string{key.name} + ".*", [&] { element(present); });
  }
  void flag(key_name key, bool& value) override {
    add(key, "flag", value ? "`true`" : "`false`", "`true`, `false`");
  }
  void real(key_name key, double& value, bounds<double> range) override {
    add(key, "number", fmt::format("`{}`", format_real(value)),
        fmt::format("{} … {}", format_real(range.low), format_real(range.high)));
  }
  void text(key_name key, std::string& value, text_rule rule) override {
    const auto shown = value.empty() ? key.zero : std::string_view{value};
    add(key, type_of(rule), shown.empty() ? "" : fmt::format("`{}`", shown),
        range_of(rule));
  }
  void texts(key_name key, std::vector<std::string>&, text_rule rule) override {
    add(key, fmt::format("list of {}s", type_of(rule)), "none", range_of(rule));
  }
  void address(key_name key, listen_address& value) override {
    add(key, "host:port", fmt::format("`{}`", to_string(value)),
        "IPv4, `[IPv6]` or `localhost` (127.0.0.1); port 0 … 65535");
  }
  void steps(key_name key, std::shared_ptr<const nlohmann::json>&) override {
    add(key, "list of steps", "none", "");
  }

 protected:
  void whole(key_name key, uint64_t& value, bounds<uint64_t> range,
             bool is_bytes) override {
    const auto show = [&](uint64_t n) {
      return is_bytes ? format_bytes(n) : std::to_string(n);
    };
    const bool word = value == 0 && !key.zero.empty();
    add(key, is_bytes ? "bytes" : "count",
        fmt::format("`{}`", word ? std::string{key.zero} : show(value)),
        fmt::format("{}{} … {}", key.zero.empty() ? "" : fmt::format("`{}`, ", key.zero),
                    show(range.low), show(range.high)));
  }
  void time(key_name key, std::chrono::milliseconds& value,
            bounds<std::chrono::milliseconds> range, std::chrono::milliseconds) override {
    add(key, "duration", fmt::format("`{}`", format_duration(value)),
        fmt::format("{} … {}", format_duration(range.low), format_duration(range.high)));
  }
  void pick(key_name key, size_t& index,
            const std::vector<std::string_view>& values) override {
    add(key, "choice", fmt::format("`{}`", values[index]),
        fmt::format("`{}`", fmt::join(values, "`, `")));
  }

 private:
  void add(key_name key, std::string type, std::string default_text, std::string range) {
    rows.push_back({prefix_ + std::string{key.name}, std::move(type),
                    std::move(default_text), std::move(range), std::string{key.meaning}});
  }
  void inside(std::string_view name, const std::function<void()>& body) {
    const auto outer = prefix_;
    prefix_ += name;
    prefix_ += '.';
    body();
    prefix_ = outer;
  }
  static std::string type_of(text_rule rule) {
    // No `default:`: -Wswitch (an error here) reports a rule without a type.
    switch (rule) {
    case text_rule::any:
    case text_rule::connection:
      return "text";
    case text_rule::label:
    case text_rule::node_name:
      return "name";
    case text_rule::sha256:
      return "digest";
    case text_rule::data_path:
    case text_rule::read_path:
      return "path";
    }
    return "text";
  }
  static std::string range_of(text_rule rule) {
    // No `default:`: -Wswitch (an error here) reports a rule without a range.
    switch (rule) {
    case text_rule::any:
    case text_rule::connection:
      return "";
    case text_rule::label:
      return "`^[a-z0-9][a-z0-9_-]{0,63}$`";
    case text_rule::node_name:
      return "1 … 64 of letters, digits, `.`, `_`, `-`";
    case text_rule::sha256:
      return "64 hex digits";
    case text_rule::data_path:
      return "";
    case text_rule::read_path:
      return "a file that can be read";
    }
    return "";
  }

  std::string prefix_;
};

} // namespace

std::vector<key_description> config_reference() {
  key_describer describer;
  config defaults;
  visit_config(describer, defaults);
  return std::move(describer.rows);
}

std::vector<std::string> keys_that_need_a_restart(const config& from, const config& to) {
  const auto describe = [](config settings) { // a copy: the describer adds a stream `*`
    key_describer describer;
    visit_config(describer, settings);
    return std::move(describer.rows);
  };
  const auto taken_over = [](std::string_view path) {
    for (const std::string_view known :
         {"streams.", "ingest.api_keys.", "ingest.client_", "ingest.clients_max",
          "ingest.shed.", "log.level"})
      if (path.starts_with(known))
        return true;
    return false;
  };
  const auto before = describe(from), after = describe(to);
  std::vector<std::string> found;
  for (size_t i = 0; i < before.size(); ++i)
    if (before[i].default_text != after[i].default_text && !taken_over(before[i].path))
      found.push_back(before[i].path);
  return found;
}

std::string config_reference_markdown() {
  std::string out = "| key | type | default | range | meaning |\n|---|---|---|---|---|\n";
  for (const auto& row : config_reference())
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.path, row.type,
                       row.default_text, row.range, row.meaning);
  return out;
}

} // namespace weir
