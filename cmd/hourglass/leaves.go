package main

import (
	"reflect"
	"strings"
)

// leaf is one setting.
type leaf struct {
	key   string // in TOML, as in train.optimizer.name
	value any
}

// name returns the flag that gives the setting, or else its key.
func (l leaf) name() string {
	for flag, key := range flagKeys {
		if key == l.key {
			return "--" + flag
		}
	}
	return l.key
}

// leavesOf lists the settings in v, a struct, in the order of its fields. Lists
// are one setting.
func leavesOf(v any, prefix string) []leaf {
	var all []leaf
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		if !value.Type().Field(i).IsExported() {
			continue
		}
		key := join(prefix, tomlName(value.Type().Field(i)))
		if field := value.Field(i); field.Kind() == reflect.Struct {
			all = append(all, leavesOf(field.Interface(), key)...)
		} else {
			all = append(all, leaf{key, field.Interface()})
		}
	}
	return all
}

// settingKeys lists every key that a configuration file may hold, tables
// included.
func settingKeys() []string { return keysOf(reflect.TypeFor[settings](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		key := join(prefix, tomlName(field))
		keys = append(keys, key)
		if of := field.Type; of.Kind() == reflect.Struct {
			keys = append(keys, keysOf(of, key)...)
		} else if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			keys = append(keys, keysOf(of.Elem(), key)...)
		}
	}
	return keys
}

// listAround returns the key of the list of tables that a setting stands in, or
// "".
func listAround(key string) string { return listIn(reflect.TypeFor[settings](), "", key) }

func listIn(t reflect.Type, prefix, key string) string {
	for i := range t.NumField() {
		field := t.Field(i)
		table := join(prefix, tomlName(field))
		if !strings.HasPrefix(key, table+".") {
			continue
		}
		if of := field.Type; of.Kind() == reflect.Struct {
			return listIn(of, table, key)
		} else if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			return table
		}
	}
	return ""
}

// suggestKey returns "; did you mean KEY?" for a key that is no setting: it may
// be named as its flag is, stand in the wrong table, or be misspelt.
func suggestKey(key string) string {
	last := key[strings.LastIndex(key, ".")+1:]
	if right, ok := flagKeys[strings.ReplaceAll(last, "_", "-")]; ok {
		return "; did you mean " + right + "?"
	}
	known := settingKeys()
	for _, right := range known {
		if strings.HasSuffix(right, "."+last) {
			return "; did you mean " + right + "?"
		}
	}
	return didYouMean(key, known, "")
}

func tomlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
