// A type may have its methods in several modules; one that calls a method of another uses that module.

interface Code {
  /** Of the module. */
  readonly name: string;
  readonly code: string;
}

/** What a type in full is called, by its name in a module. */
type TypeOf = (name: string, module: string) => string;

interface Methods {
  readonly type: string;
  readonly module: string;
  readonly names: readonly string[];
  /** Called on `self` or as `Self::name`. */
  readonly calls: readonly string[];
}

/** From which module to which. Of the variables of a type nothing is known: what is called on another one than `self` is not seen. */
export function methodsCalled(modules: readonly Code[], typeOf: TypeOf): (readonly [string, string])[] {
  const all = modules.flatMap((module) => methodsIn(module, typeOf));
  const homes = new Map(all.flatMap(({ type, module, names }) => names.map((name) => [`${type}.${name}`, module])));
  return all.flatMap(({ type, module, calls }) =>
    calls.map((name) => [module, homes.get(`${type}.${name}`) ?? module] as const),
  );
}

/** Of `impl Type {`; methods of a trait are not told apart. rustfmt closes it at the beginning of a line. */
function methodsIn(module: Code, typeOf: TypeOf): Methods[] {
  const blocks = module.code.matchAll(/^impl(?:<.*>)? (\w+)(?:<.*>)? \{\n([^]*?)^\}/gm);
  return [...blocks].map(([, name = '', body = '']) => ({
    type: typeOf(name, module.name),
    module: module.name,
    names: [...body.matchAll(/\bfn (\w+)/g)].map(([, method = '']) => method),
    calls: [...body.matchAll(/\b(?:self\s*\.\s*|Self::)(\w+)(?=\()/g)].map(([, method = '']) => method),
  }));
}
