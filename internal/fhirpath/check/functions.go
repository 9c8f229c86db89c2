package check

// result is what the type of a function's result follows from: its input and its arguments.
type result = func(c *checker, x Type, args []Type) Type

// one returns at most one item of a System type.
func one(s System) result {
	return func(*checker, Type, []Type) Type { return OfSystem(s) }
}

// always returns exactly one item of a System type, whatever the input.
func always(s System) result {
	return func(*checker, Type, []Type) Type { return OfSystem(s).least(1) }
}

// several returns any number of items of a System type.
func several(s System) result {
	return func(*checker, Type, []Type) Type { return OfSystem(s).many() }
}

// same returns items of the input.
func same(_ *checker, x Type, _ []Type) Type { return x.least(0) }

// all returns the whole input.
func all(_ *checker, x Type, _ []Type) Type { return x }

// first returns one item of the input, if there is one.
func first(_ *checker, x Type, _ []Type) Type { return x.atMostOne() }

// systemOf returns at most one item, of those System types among k that the input can stand for.
func systemOf(k systemSet) result {
	return func(c *checker, x Type, _ []Type) Type {
		if !x.Known {
			return Type{Single: true}.with(refsOf(k))
		}
		return Type{Single: true}.with(refsOf(c.kindsOfType(x) & k))
	}
}

// whole returns what functions give that make a Decimal an Integer and leave others what they are.
func whole(c *checker, x Type, _ []Type) Type {
	k := c.kindsOfType(x) & measure
	if k.has(Decimal) {
		k = k&^setOf(Decimal) | setOf(Integer)
	}
	return Type{Single: true}.with(refsOf(k))
}

// decimal returns what functions give that make numbers a Decimal and leave quantities what they are.
func decimal(c *checker, x Type, _ []Type) Type {
	k := c.kindsOfType(x) & measure
	if k&numbers != 0 {
		k = k&^numbers | setOf(Decimal)
	}
	return Type{Single: true}.with(refsOf(k))
}

// powered returns what power gives: integers can have an Integer.
func powered(c *checker, x Type, args []Type) Type {
	k := setOf(Decimal)
	if c.kindsOfType(x).has(Integer) && (len(args) == 0 || c.kindsOfType(args[0]).has(Integer)) {
		k |= setOf(Integer)
	}
	return Type{Single: true}.with(refsOf(k))
}

// withArguments returns the items of the input and of all arguments.
func withArguments(_ *checker, x Type, args []Type) Type {
	least := min(x.Least, 1)
	for _, a := range args {
		x = join(x, a)
	}
	x = x.many().least(least)
	x.Unordered = true
	return x
}

// ofArguments returns the items of one of the arguments, from the one numbered first.
func ofArguments(first int) result {
	return func(_ *checker, _ Type, args []Type) Type {
		out := Type{Known: true, Single: true}
		for i, a := range args {
			switch {
			case i < first:
			case i == first:
				out = a
			default:
				out = either(out, a)
			}
		}
		return out.least(0)
	}
}

// projected returns what select gives: the items of its projection for each item of the input.
func projected(_ *checker, x Type, args []Type) Type {
	if len(args) == 0 {
		return Any()
	}
	t := args[0]
	t.Unordered = t.Unordered || x.Unordered
	return t.single(t.Single && x.Single).least(0)
}

// fhir returns items of a FHIR type.
func fhir(name string) result {
	return func(c *checker, _ Type, _ []Type) Type { return OfFHIR(c.Options.Model, name).many() }
}

// boundary returns what lowBoundary and highBoundary give.
func boundary(c *checker, x Type, _ []Type) Type {
	out := Type{Single: true, Known: true, Refs: []Ref{}}
	for _, r := range x.Refs {
		k := c.kindsOf(r)
		if r.System == 0 && c.model.Name(r.FHIR) == "Period" {
			k = setOf(DateTime)
		}
		if k&(numbers|temporals|setOf(Quantity)) == 0 {
			return Any().single(true) // by the evaluator's leave
		}
		if k&numbers != 0 {
			k = k&^numbers | setOf(Decimal)
		}
		out = out.with(joinRefs(out.Refs, refsOf(k)))
	}
	if !x.Known {
		out.Known, out.Refs = false, nil
	}
	return out
}

// children returns the type of all elements of the input.
func children(*checker, Type, []Type) Type { return Type{Unordered: true} }

// unwrapped returns the System values of the input's primitives.
func unwrapped(c *checker, x Type, _ []Type) Type { return c.systemOnly(x).atMostOne().least(0) }

// resolved returns a resource for each item.
func resolved(c *checker, x Type, _ []Type) Type {
	return OfFHIR(c.Options.Model, "Resource").single(x.Single)
}

// typeInfo returns a TypeInfo for each item.
func typeInfo(_ *checker, x Type, _ []Type) Type {
	return OfSystem(TypeInfo).single(x.Single).least(x.Least)
}

// key returns what getResourceKey gives: a string for each item.
func key(_ *checker, x Type, _ []Type) Type { return OfSystem(String).single(x.Single) }

var (
	text     = setOf(String)
	number   = numbers
	measure  = numbers | setOf(Quantity)
	instants = setOf(Date, DateTime)
)

func stringParam(name string) param  { return param{name: name, kinds: text} }
func integerParam(name string) param { return param{name: name, kinds: setOf(Integer, Long)} }
func numberParam(name string) param  { return param{name: name, kinds: number} }
func eachParam(name string) param    { return param{name: name, role: each} }
func criteriaParam() param           { return param{name: "criteria", role: criteria} }
func collectionParam(n string) param { return param{name: n, role: collection} }
func params(p ...param) []param      { return p }
func onString(r result, p ...param) function {
	return function{input: text, single: true, params: p, result: r}
}

func onNumber(r result, p ...param) function {
	return function{input: number, single: true, params: p, result: r}
}

func onMeasure(r result, p ...param) function {
	return function{input: measure, single: true, params: p, result: r}
}
func onItem(r result, p ...param) function { return function{single: true, params: p, result: r} }
func onMany(r result, p ...param) function { return function{params: p, result: r} }
func inOrder(r result, p ...param) function {
	return function{ordered: true, params: p, result: r}
}

// interval is what duration and difference want.
var interval = function{
	input: setOf(Date, DateTime, Time), single: true, result: one(Integer),
	params: params(param{name: "value", kinds: setOf(Date, DateTime, Time)}, stringParam("precision")),
}

// functions holds what is known of every function that call does not treat by itself. It is never modified.
var functions = map[string]function{
	// Existence.
	"empty":      onMany(always(Boolean)),
	"exists":     onMany(always(Boolean), criteriaParam()),
	"all":        onMany(always(Boolean), criteriaParam()),
	"allTrue":    {input: setOf(Boolean), result: always(Boolean)},
	"anyTrue":    {input: setOf(Boolean), result: always(Boolean)},
	"allFalse":   {input: setOf(Boolean), result: always(Boolean)},
	"anyFalse":   {input: setOf(Boolean), result: always(Boolean)},
	"subsetOf":   onMany(always(Boolean), collectionParam("other")),
	"supersetOf": onMany(always(Boolean), collectionParam("other")),
	"count":      onMany(always(Integer)),
	"distinct":   onMany(deduplicated),
	"isDistinct": onMany(always(Boolean)),

	// Filtering and projection.
	"where":  onMany(same, criteriaParam()),
	"select": onMany(projected, eachParam("projection")),

	// Subsetting.
	"single":    onItem(first),
	"first":     inOrder(first),
	"last":      inOrder(first),
	"tail":      inOrder(same),
	"skip":      inOrder(same, integerParam("num")),
	"take":      inOrder(same, integerParam("num")),
	"intersect": onMany(same, collectionParam("other")),
	"exclude":   onMany(same, collectionParam("other")),

	// Combining.
	"union":   onMany(withArguments, collectionParam("other")),
	"combine": onMany(combined, collectionParam("other"), param{name: "preserveOrder", kinds: setOf(Boolean)}),
	"coalesce": {
		params: params(param{name: "value", role: lazyCollection}), variadic: true, result: ofArguments(0),
	},

	// Conversion.
	"iif": {
		single: true, result: ofArguments(1),
		params: params(param{name: "criterion", role: condition}, param{name: "true-result", role: branch},
			param{name: "otherwise-result", role: branch}),
	},
	"toBoolean":          onItem(one(Boolean)),
	"convertsToBoolean":  onItem(one(Boolean)),
	"toInteger":          onItem(one(Integer)),
	"convertsToInteger":  onItem(one(Boolean)),
	"toLong":             onItem(one(Long)),
	"convertsToLong":     onItem(one(Boolean)),
	"toDate":             onItem(one(Date), stringParam("format")),
	"convertsToDate":     onItem(one(Boolean), stringParam("format")),
	"toDateTime":         onItem(one(DateTime), stringParam("format")),
	"convertsToDateTime": onItem(one(Boolean), stringParam("format")),
	"toTime":             onItem(one(Time)),
	"convertsToTime":     onItem(one(Boolean)),
	"toDecimal":          onItem(one(Decimal)),
	"convertsToDecimal":  onItem(one(Boolean)),
	"toString":           onItem(one(String)),
	"convertsToString":   onItem(one(Boolean)),
	"toQuantity":         {single: true, tolerant: true, params: params(stringParam("unit")), result: one(Quantity)},
	"convertsToQuantity": {single: true, tolerant: true, params: params(stringParam("unit")), result: one(Boolean)},

	// Strings.
	"indexOf":        onString(one(Integer), stringParam("substring")),
	"lastIndexOf":    onString(one(Integer), stringParam("substring")),
	"substring":      onString(one(String), integerParam("start"), integerParam("length")),
	"startsWith":     onString(one(Boolean), stringParam("prefix")),
	"endsWith":       onString(one(Boolean), stringParam("suffix")),
	"contains":       onString(one(Boolean), stringParam("substring")),
	"upper":          onString(one(String)),
	"lower":          onString(one(String)),
	"replace":        onString(one(String), stringParam("pattern"), stringParam("substitution")),
	"matches":        onString(one(Boolean), stringParam("regex"), stringParam("flags")),
	"matchesFull":    onString(one(Boolean), stringParam("regex"), stringParam("flags")),
	"replaceMatches": onString(one(String), stringParam("regex"), stringParam("substitution"), stringParam("flags")),
	"length":         onString(one(Integer)),
	"toChars":        onString(several(String)),
	"encode":         onString(one(String), stringParam("format")),
	"decode":         onString(one(String), stringParam("format")),
	"escape":         onString(one(String), stringParam("target")),
	"unescape":       onString(one(String), stringParam("target")),
	"trim":           onString(one(String)),
	"split":          onString(several(String), stringParam("separator")),
	"join":           {input: text, ordered: true, params: params(stringParam("separator")), result: one(String)},

	// Numbers.
	"abs":      onMeasure(systemOf(measure)),
	"ceiling":  onMeasure(whole),
	"exp":      onNumber(one(Decimal)),
	"floor":    onMeasure(whole),
	"ln":       onNumber(one(Decimal)),
	"log":      onNumber(one(Decimal), numberParam("base")),
	"power":    onNumber(powered, numberParam("exponent")),
	"round":    onMeasure(decimal, integerParam("precision")),
	"sqrt":     onNumber(one(Decimal)),
	"truncate": onMeasure(whole),

	// Aggregates.
	"sum": {input: measure, result: systemOf(measure)},
	"min": onMany(first),
	"max": onMany(first),
	"avg": {input: measure, result: decimal},

	// Tree navigation.
	"children":    onMany(children),
	"descendants": onMany(children),

	// Dates and times.
	"now":              onMany(always(DateTime)),
	"today":            onMany(always(Date)),
	"timeOfDay":        onMany(always(Time)),
	"yearOf":           {input: instants, single: true, tolerant: true, result: one(Integer)},
	"monthOf":          {input: instants, single: true, tolerant: true, result: one(Integer)},
	"dayOf":            {input: instants, single: true, tolerant: true, result: one(Integer)},
	"hourOf":           {input: setOf(DateTime, Time), single: true, tolerant: true, result: one(Integer)},
	"minuteOf":         {input: setOf(DateTime, Time), single: true, tolerant: true, result: one(Integer)},
	"secondOf":         {input: setOf(DateTime, Time), single: true, tolerant: true, result: one(Integer)},
	"millisecondOf":    {input: setOf(DateTime, Time), single: true, tolerant: true, result: one(Integer)},
	"timezoneOffsetOf": {input: setOf(DateTime), single: true, tolerant: true, result: one(Decimal)},
	"dateOf":           {input: instants, single: true, tolerant: true, result: one(Date)},
	"timeOf":           {input: setOf(DateTime, Time), single: true, tolerant: true, result: one(Time)},
	"duration":         interval,
	"difference":       interval,

	// Utility.
	"trace":        onMany(all, stringParam("name"), eachParam("projection")),
	"lowBoundary":  onItem(boundary, integerParam("precision")),
	"highBoundary": onItem(boundary, integerParam("precision")),
	"precision":    onItem(one(Integer)),
	"comparable": {
		input: setOf(Quantity), single: true, tolerant: true, params: params(param{name: "other", kinds: setOf(Quantity)}),
		result: one(Boolean),
	},
	"sort":     {params: params(param{name: "key", role: sortKey}), variadic: true, result: sorted},
	"type":     onMany(typeInfo),
	"pathname": onMany(several(String), collectionParam("short")),
	"not":      onItem(one(Boolean)),

	// FHIR.
	"extension":  onMany(fhir("Extension"), stringParam("url")),
	"hasValue":   onMany(always(Boolean)),
	"getValue":   onMany(unwrapped),
	"resolve":    onMany(resolved),
	"memberOf":   onItem(one(Boolean), stringParam("valueset")),
	"conformsTo": onItem(one(Boolean), stringParam("structure")),
	"htmlChecks": onItem(one(Boolean)),

	// SQL on FHIR.
	"getResourceKey": onMany(key),
}

// undoubled returns the input without duplicates.
func deduplicated(_ *checker, x Type, _ []Type) Type { return x.least(min(x.Least, 1)) }

// combined returns what combine gives: duplicates stay.
func combined(c *checker, x Type, args []Type) Type {
	least := x.Least
	if len(args) > 0 {
		least += args[0].Least
		args = args[:1]
	}
	return withArguments(c, x, args).least(least)
}

// sorted returns the input in an order.
func sorted(_ *checker, x Type, _ []Type) Type {
	x.Unordered = false
	return x
}
