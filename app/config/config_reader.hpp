// CONFIG READER: fills the structs from a YAML tree. Reports every error it finds, with
// the place of the key; a key that nobody asked for is an error that names the nearest
// known one.
#pragma once

#include "app/config/config_keys.hpp"
#include "app/config/yaml_tree.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class config_reader final : public key_visitor {
 public:
  /// All references outlive the reader. `directory`: the one read_path is relative to.
  config_reader(const yaml_node& root, std::string directory, config_places& places,
                std::vector<std::string>& errors);
  /// Reports unknown keys of the outermost level.
  ~config_reader() override;
  config_reader(const config_reader&) = delete;
  config_reader& operator=(const config_reader&) = delete;

  void section(key_name key, const std::function<void()>& body) override;
  void map(key_name key, const std::vector<std::string>& present,
           const std::function<void(const std::string&)>& element) override;
  void list(key_name key, size_t present,
            const std::function<void(size_t)>& element) override;
  void flag(key_name key, bool& value) override;
  void real(key_name key, double& value, bounds<double> range) override;
  void text(key_name key, std::string& value, text_rule rule) override;
  void texts(key_name key, std::vector<std::string>& value, text_rule rule) override;
  void address(key_name key, listen_address& value) override;
  void steps(key_name key, std::shared_ptr<const nlohmann::json>& value) override;

 protected:
  void whole(key_name key, uint64_t& value, bounds<uint64_t> range,
             bool is_bytes) override;
  void time(key_name key, std::chrono::milliseconds& value,
            bounds<std::chrono::milliseconds> range,
            std::chrono::milliseconds granularity) override;
  void pick(key_name key, size_t& index,
            const std::vector<std::string_view>& values) override;

 private:
  /// One map that is being read, and which of its keys were asked for.
  struct level {
    const yaml_node* node;
    std::string prefix; ///< "" or "ingest.tls."
    std::set<std::string, std::less<>> asked;
  };

  const yaml_node* take(std::string_view name);
  const yaml_node* take_scalar(std::string_view name);
  const yaml_node* take_choice(std::string_view name,
                               const std::vector<std::string_view>& values);
  void descend(const yaml_node& node, const std::string& prefix,
               const std::function<void()>& body);
  void report_unknown(const level& at);
  void error(const yaml_node& node, std::string_view key, std::string_view text);
  std::string path(std::string_view key) const {
    return levels_.back().prefix + std::string{key};
  }
  /// Checks one text against its rule; the error is what was expected.
  std::string broken_rule(std::string& value, text_rule rule) const;

  std::string directory_;
  config_places& places_;
  std::vector<std::string>& errors_;
  std::vector<level> levels_;
};

/// The known name that is nearest to `name` by edits, or empty when none is near.
std::string_view nearest_name(std::string_view name,
                              const std::set<std::string, std::less<>>& known);

} // namespace weir
