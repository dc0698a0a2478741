//! A page for each feature: what it promises.

use std::fmt::Write as _;

use super::{Feature, Features, Routes};

/// Name and text of each page of `docs/features`.
pub fn contracts() -> Vec<(String, String)> {
    let features = Features::default();
    let mut pages: Vec<_> = features.all().map(|feature| (feature.name().to_owned(), page(feature))).collect();
    let mut index = String::from(
        "# Features\n\nWhat the server is made of, in the order in which it starts. Written from the registry in \
         `control/src/features`.\n\n| Feature | | Critical | Workspaces can switch it |\n|---|---|:-:|:-:|\n",
    );
    for feature in features.all() {
        let (name, title) = (feature.name(), feature.title());
        let mark = |is: bool| if is { "yes" } else { "-" };
        let (critical, optional) = (mark(feature.is_critical()), mark(feature.switch().is_some()));
        // A string takes everything.
        let _ = writeln!(index, "| [{name}]({name}.md) | {title} | {critical} | {optional} |");
    }
    pages.push(("README".to_owned(), index));
    pages
}

fn page(feature: &dyn Feature) -> String {
    let mut page = format!("# {}\n\n{}\n\n", feature.name(), feature.title());
    page.push_str(if feature.is_critical() {
        "The server is not ready without it.\n"
    } else {
        "Without it the server is ready all the same.\n"
    });
    match feature.switch() {
        Some((_, loss)) => {
            let _ = writeln!(page, "\nA workspace can switch it off: {loss} What it holds is kept.");
        }
        None => page.push_str("\nEvery workspace has it.\n"),
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let permissions: Vec<_> = feature.permissions().into_iter().map(|action| action.name().to_owned()).collect();
    list(&mut page, "Routes", &operations(feature.routes()));
    list(&mut page, "Permissions", &permissions);
    list(&mut page, "Requests on the socket", &names(feature.events().requests));
    list(&mut page, "Told on the socket", &names(feature.events().told));
    list(&mut page, "Migrations", &names(feature.migrations()));
    page
}

fn list(page: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n## {heading}\n");
    for line in lines {
        let _ = writeln!(page, "- `{line}`");
    }
}

/// `METHOD /path` of each route.
fn operations(routes: Routes) -> Vec<String> {
    let Routes { in_workspace, by_bearer, in_none, for_machines } = routes;
    let under_v1 = [in_workspace, by_bearer, in_none].map(|routes| ("/v1", routes));
    let mut found = Vec::new();
    for (prefix, mut routes) in under_v1.into_iter().chain([("", for_machines)]) {
        for (path, item) in &routes.get_openapi_mut().paths.paths {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            let there = methods.into_iter().filter(|(_, operation)| operation.is_some());
            found.extend(there.map(|(method, _)| format!("{method} {prefix}{path}")));
        }
    }
    found
}
