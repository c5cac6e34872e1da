//! From a request's method and path to the operation that answers it.

use super::operation::Operation;
use axum::http::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

/// Every operation, found by its path.
pub(crate) struct Routes(Router<Route>);

/// The operations of one path.
struct Route {
    names: Vec<&'static str>,
    operations: Vec<Operation>,
}

/// The segments of a path that vary, decoded, by their names.
pub(crate) type Segments = Vec<(&'static str, String)>;

/// What is found.
pub(crate) enum Found<'r> {
    /// The operation; no segments where one is not text.
    Operation(&'r Operation, Option<Segments>),
    /// The path has these methods only, in the form of `Allow`.
    OtherMethods(String),
    /// No such path.
    Nothing,
}

impl Routes {
    /// Routes to all of `operations`.
    ///
    /// # Panics
    ///
    /// If two paths contradict each other: the table of operations is wrong.
    pub(crate) fn new(operations: Vec<Operation>) -> Self {
        let mut paths: Vec<(&str, Vec<Operation>)> = Vec::new();
        for operation in operations {
            match paths.iter_mut().find(|(path, _)| *path == operation.path) {
                Some((_, same)) => same.push(operation),
                None => paths.push((operation.path, vec![operation])),
            }
        }
        let mut router = Router::new();
        for (path, operations) in paths {
            let names = path.split(['{', '}']).skip(1).step_by(2).collect();
            let added = router.insert(path, Route { names, operations });
            assert!(added.is_ok(), "{path}: {added:?}");
        }
        Self(router)
    }

    /// What answers `method` on `path`. HEAD is answered as GET.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(found) = self.0.at(path) else {
            return Found::Nothing;
        };
        let route = found.value;
        let Some(operation) = route.operations.iter().find(|one| one.answers(method)) else {
            return Found::OtherMethods(allowed(&route.operations));
        };
        let values = found.params.iter().map(|(_, value)| percent_decode_str(value).decode_utf8());
        let names = route.names.iter().copied();
        let segments =
            names.zip(values).map(|(name, value)| Some((name, value.ok()?.into_owned())));
        Found::Operation(operation, segments.collect())
    }
}

fn allowed(operations: &[Operation]) -> String {
    let mut methods = Vec::new();
    for operation in operations {
        methods.push(operation.method.as_str());
        if operation.method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.join(",")
}
