/** `URL` and `URLSearchParams` of the WHATWG's standard. */
// @ts-expect-error: the package has no types, and its exports are those of the standard
import URL from "core-js-pure/actual/url";
// @ts-expect-error: as above
import URLSearchParams from "core-js-pure/actual/url-search-params";

export default { URL: URL as unknown, URLSearchParams: URLSearchParams as unknown };
