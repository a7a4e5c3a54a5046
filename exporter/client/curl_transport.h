#pragma once

#include <memory>
#include <string>

#include "client/transport.h"

namespace aliyun_ecs {

// HttpTransport by libcurl, on one kept-alive connection. Create the first one before other
// threads start: it initialises libcurl.
class CurlTransport final : public HttpTransport {
 public:
  // `base_url`: "http://100.100.100.200", without a path. `user_agent`: "program/version".
  CurlTransport(std::string base_url, std::string user_agent);
  ~CurlTransport() override;

  [[nodiscard]] Result<HttpResponse> Perform(const HttpRequest& request,
                                             std::stop_token stop) override;

 private:
  struct Multi;

  std::string base_url_;
  std::string user_agent_;
  std::unique_ptr<Multi> multi_;
};

}  // namespace aliyun_ecs
