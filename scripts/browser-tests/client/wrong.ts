// Wrong uses of the API, which must not compile: every error that is expected here is one that a developer would be told of.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const api = createClient<paths>({ baseUrl: "" });

export async function wrong(visitor: components["schemas"]["TopVisitor"]): Promise<void> {
  // @ts-expect-error: there is no such path
  await api.GET("/api/visitors/hourly");
  // @ts-expect-error: the API is read only
  await api.POST("/api/visitors/weekly");
  const { data } = await api.GET("/api/visitors/weekly");
  // @ts-expect-error: it may be an error or a 202
  data.data;
  if (data && "data" in data) {
    // @ts-expect-error: a day has no name
    data.data[0]?.name;
    // @ts-expect-error: a total is a number
    const total: string | undefined = data.data[0]?.total;
    // @ts-expect-error: a week covers no single month
    data.period;
  }
  const collection = await api.GET("/api/books/collection");
  if (collection.data && "data" in collection.data) {
    // @ts-expect-error: the collection is no list
    collection.data.data[0];
  }
  // @ts-expect-error: a name may be absent or null
  visitor.member_name.length;
}
