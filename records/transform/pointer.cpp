#include "records/transform/pointer.hpp"

#include "records/json/text.hpp"

namespace weir::steps {

namespace {

constexpr size_t tokens_max = 32;

// Resolves ~1 to "/" and ~0 to "~" (RFC 6901 §4); any other "~" is an error.
bool unescape_token(std::string_view text, std::string& name) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') {
      name += text[i];
      continue;
    }
    if (++i == text.size() || (text[i] != '0' && text[i] != '1'))
      return false;
    name += text[i] == '0' ? '~' : '/';
  }
  return true;
}

std::string escape_token(std::string_view name) {
  std::string text;
  for (const char c : name)
    text += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return text;
}

} // namespace

result<field_pointer> field_pointer::parse(std::string_view text) {
  field_pointer pointer;
  if (text.empty())
    return fail(ec::invalid_config, "a field name is empty; write /name or name");
  if (text.front() != '/') {
    if (text.find('/') != std::string_view::npos)
      return fail(ec::invalid_config,
                  "field " + echo(text) + " is ambiguous; write "
                    + echo("/" + std::string(text)) + " for a nested field or "
                    + echo("/" + escape_token(text)) + " for that name");
    pointer.tokens_.push_back({std::string(text), escape(text)});
    pointer.text_ = "/" + escape_token(text);
    return pointer;
  }
  pointer.text_ = text;
  // `<=`: a slash at the end is followed by one more token, an empty one.
  for (size_t start = 1; start <= text.size();) {
    const size_t end = std::min(text.find('/', start), text.size());
    std::string name;
    if (!unescape_token(text.substr(start, end - start), name))
      return fail(ec::invalid_config,
                  "field " + echo(text)
                    + " has a ~ that is neither ~0 (for ~) nor ~1 (for /)");
    pointer.tokens_.push_back({name, escape(name)});
    start = end + 1;
  }
  if (pointer.tokens_.size() > tokens_max)
    return fail(ec::invalid_config,
                "field " + echo(text) + " is more than 32 levels deep");
  return pointer;
}

bool field_pointer::same_parent(const field_pointer& other) const noexcept {
  if (tokens_.size() != other.tokens_.size())
    return false;
  for (size_t i = 0; i + 1 < tokens_.size(); ++i)
    if (tokens_[i].name != other.tokens_[i].name)
      return false;
  return true;
}

} // namespace weir::steps
