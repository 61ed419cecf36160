//! Reads the modules of a crate and what each imports: every path that begins with `crate`, `super` or `self`, in `use` and
//! elsewhere, and what `use` binds to a name, since what a module imports can be named through it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module or an item in its crate; empty for the root.
pub(crate) type Names = Vec<String>;

/// How many names in a row may stand for other names before what they mean is given up.
const BINDINGS_MAX: usize = 8;

/// A crate: its modules by their paths.
pub(crate) struct Modules {
    pub(crate) by_path: BTreeMap<Names, Module>,
}

/// A file of a crate.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    pub(crate) imports: Vec<Import>,
    /// What `use` binds to which path.
    bindings: BTreeMap<String, Names>,
}

/// A path as it is written.
#[derive(Clone)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// The module that it is written in, which may be one within a file.
    pub(crate) within: Names,
    pub(crate) names: Names,
}

impl Modules {
    /// The modules of the crate that begins with this file.
    pub(crate) fn below(root: &Path) -> Self {
        let mut modules = Self { by_path: BTreeMap::new() };
        modules.add(Vec::new(), root.to_owned(), root.parent().unwrap());
        modules
    }

    /// Adds a file and those of the modules that it declares, which are in `folder`.
    fn add(&mut self, path: Names, file: PathBuf, folder: &Path) {
        let text = std::fs::read_to_string(&file).unwrap();
        let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let module = Module { file, ..Module::default() };
        let mut reader = Reader { path: path.clone(), module, declared: Vec::new() };
        reader.read(&path, tokens);
        self.by_path.insert(path.clone(), reader.module);
        for name in reader.declared {
            let below = folder.join(&name);
            let files = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
            let file = files.into_iter().find(|file| file.exists());
            let file = file.unwrap_or_else(|| panic!("no file has the module {name} of {path:?}"));
            self.add([path.clone(), vec![name]].concat(), file, &below);
        }
    }

    /// The module in which the item stands that a path names, as far as it is in this crate.
    pub(crate) fn find(&self, import: &Import) -> Names {
        self.follow(&import.within, &import.names, BINDINGS_MAX)
    }

    fn follow(&self, within: &[String], names: &[String], bindings_left: usize) -> Names {
        let mut at = within.to_vec();
        let mut names = names;
        while let Some((first, rest)) = names.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                name => {
                    at.push(name.to_owned());
                    if !self.by_path.contains_key(&at) {
                        at.pop();
                        return match self.by_path.get(&at).and_then(|module| module.bindings.get(name)) {
                            Some(bound) if bindings_left > 0 => {
                                self.follow(&at, &[bound, rest].concat(), bindings_left - 1)
                            }
                            _ => self.file_of(at),
                        };
                    }
                }
            }
            names = rest;
        }
        self.file_of(at)
    }

    /// The module whose file a path is in: one within a file has none of its own.
    fn file_of(&self, mut path: Names) -> Names {
        while !self.by_path.contains_key(&path) {
            path.pop();
        }
        path
    }
}

/// Reads one file.
struct Reader {
    path: Names,
    module: Module,
    /// The modules that have files of their own.
    declared: Names,
}

impl Reader {
    fn read(&mut self, within: &Names, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((first, after)) = rest.split_first() {
            rest = match (first, after) {
                (TokenTree::Punct(punct), [TokenTree::Group(attribute), item @ ..])
                    if punct.as_char() == '#' && is_for_tests(&attribute.stream()) =>
                {
                    after_item(item)
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Punct(_), after @ ..])
                    if word == "mod" =>
                {
                    self.declared.push(name.to_string());
                    after
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Group(body), after @ ..])
                    if word == "mod" =>
                {
                    self.read(&[within.clone(), vec![name.to_string()]].concat(), body.stream());
                    after
                }
                (TokenTree::Ident(word), _) if word == "use" => {
                    let end = after.iter().position(|token| is_punct(token, ';')).unwrap_or(after.len());
                    self.declaration(within, Vec::new(), &after[..end]);
                    &after[end..]
                }
                (TokenTree::Ident(word), _) if ["crate", "super", "self"].iter().any(|start| word == start) => {
                    self.path(within, rest)
                }
                (TokenTree::Group(group), _) => {
                    self.read(within, group.stream());
                    after
                }
                _ => after,
            };
        }
    }

    /// A path outside of `use`; what comes after it.
    fn path<'a>(&mut self, within: &Names, tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        let mut names = vec![tokens[0].to_string()];
        let mut rest = &tokens[1..];
        while let [colon, second, TokenTree::Ident(name), after @ ..] = rest
            && is_punct(colon, ':')
            && is_punct(second, ':')
        {
            names.push(name.to_string());
            rest = after;
        }
        if names.len() > 1 {
            let line = tokens[0].span().start().line;
            self.module.imports.push(Import { line, within: within.clone(), names });
        }
        rest
    }

    /// One path of `use`, or a tree of them that begins with `names`.
    fn declaration(&mut self, within: &Names, mut names: Names, tokens: &[TokenTree]) {
        let mut bound = None;
        let mut line = 0;
        for (position, token) in tokens.iter().enumerate() {
            line = token.span().start().line;
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    bound = tokens.get(position + 1).map(ToString::to_string);
                    break;
                }
                // At the end of a path, the module itself.
                TokenTree::Ident(word) if word == "self" && !names.is_empty() => {}
                TokenTree::Ident(name) => names.push(name.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    for tree in tokens.split(|token| is_punct(token, ',')).filter(|tree| !tree.is_empty()) {
                        self.declaration(within, names.clone(), tree);
                    }
                    return;
                }
                _ => {}
            }
        }
        let bound = bound.or_else(|| names.last().cloned()).unwrap_or_default();
        // Within a module of the file, a name means something else.
        if *within == self.path {
            self.module.bindings.insert(bound, names.clone());
        }
        self.module.imports.push(Import { line, within: within.clone(), names });
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

/// Whether an attribute keeps its item to builds of tests.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// What comes after an item: its end is a semicolon or a body.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_use = tokens.iter().take(2).any(|token| matches!(token, TokenTree::Ident(word) if word == "use"));
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let end = tokens.iter().position(|token| is_punct(token, ';') || (!is_use && is_body(token)));
    &tokens[end.map_or(tokens.len(), |end| end + 1)..]
}
