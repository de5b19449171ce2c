# ruff: noqa: E501 a case is a line
"""What JSONLogic gives for a rule and data: the public compatibility cases, told as a table of ours.

Each line is `rule | data | result` in JSON. Data is null where it says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

TABLE = r"""
true | | true
17 | | 17
3.14 | | 3.14
"apple" | | "apple"
null | | null
["a","b"] | | ["a","b"]
{"==":[1,1]} | | true
{"==":[1,"1"]} | | true
{"==":[1,2]} | | false
{"===":[1,1]} | | true
{"===":[1,"1"]} | | false
{"===":[1,2]} | | false
{"!=":[1,2]} | | true
{"!=":[1,1]} | | false
{"!=":[1,"1"]} | | false
{"!==":[1,2]} | | true
{"!==":[1,1]} | | false
{"!==":[1,"1"]} | | true
{">":[2,1]} | | true
{">":[1,1]} | | false
{">":[1,2]} | | false
{">":["2",1]} | | true
{">=":[2,1]} | | true
{">=":[1,1]} | | true
{">=":[1,2]} | | false
{">=":["2",1]} | | true
{"<":[2,1]} | | false
{"<":[1,1]} | | false
{"<":[1,2]} | | true
{"<":["1",2]} | | true
{"<=":[2,1]} | | false
{"<=":[1,1]} | | true
{"<=":[1,2]} | | true
{"<=":["1",2]} | | true
{"<":[1,2,3]} | | true
{"<":[1,1,3]} | | false
{"<":[1,4,3]} | | false
{"<=":[1,2,3]} | | true
{"<=":[1,1,3]} | | true
{"<=":[1,4,3]} | | false
{"!":[false]} | | true
{"!":false} | | true
{"!":[true]} | | false
{"!":true} | | false
{"!":0} | | true
{"!":1} | | false
{"!!":[[]]} | | false
{"!!":["0"]} | | true
{"!!":[""]} | | false
{"!!":[0]} | | false
{"!!":[null]} | | false
{"or":[true,true]} | | true
{"or":[false,true]} | | true
{"or":[true,false]} | | true
{"or":[false,false]} | | false
{"or":[false,false,true]} | | true
{"or":[false,false,false]} | | false
{"or":[false]} | | false
{"or":[true]} | | true
{"or":[1,3]} | | 1
{"or":[3,false]} | | 3
{"or":[false,3]} | | 3
{"and":[true,true]} | | true
{"and":[false,true]} | | false
{"and":[true,false]} | | false
{"and":[false,false]} | | false
{"and":[true,true,true]} | | true
{"and":[true,true,false]} | | false
{"and":[false]} | | false
{"and":[true]} | | true
{"and":[1,3]} | | 3
{"and":[3,false]} | | false
{"and":[false,3]} | | false
{"?:":[true,1,2]} | | 1
{"?:":[false,1,2]} | | 2
{"in":["Bart",["Bart","Homer","Lisa","Marge","Maggie"]]} | | true
{"in":["Milhouse",["Bart","Homer","Lisa","Marge","Maggie"]]} | | false
{"in":["Spring","Springfield"]} | | true
{"in":["i","team"]} | | false
{"in":["a",null]} | | false
{"in":[1,[1,2]]} | | true
{"in":["1",[1,2]]} | | false
{"cat":"ice"} | | "ice"
{"cat":["ice"]} | | "ice"
{"cat":["ice","cream"]} | | "icecream"
{"cat":[1,2]} | | "12"
{"cat":["Robocop",2]} | | "Robocop2"
{"cat":["we all scream for ","ice","cream"]} | | "we all scream for icecream"
{"cat":["a",null,"b"]} | | "ab"
{"cat":[true,1.0,0.5]} | | "true10.5"
{"%":[1,2]} | | 1
{"%":[2,2]} | | 0
{"%":[3,2]} | | 1
{"%":[-3,2]} | | -1
{"max":[1,2,3]} | | 3
{"max":[1,3,3]} | | 3
{"max":[3,2,1]} | | 3
{"max":[1]} | | 1
{"min":[1,2,3]} | | 1
{"min":[1,1,3]} | | 1
{"min":[3,2,1]} | | 1
{"min":[1]} | | 1
{"+":[1,2]} | | 3
{"+":[2,2,2]} | | 6
{"+":[1]} | | 1
{"+":["1",1]} | | 2
{"+":"3.14"} | | 3.14
{"+":"0"} | | 0
{"*":[3,2]} | | 6
{"*":[2,2,2]} | | 8
{"*":[1]} | | 1
{"*":["1",1]} | | 1
{"-":[2,3]} | | -1
{"-":[3,2]} | | 1
{"-":[3]} | | -3
{"-":["1",1]} | | 0
{"-":2} | | -2
{"/":[4,2]} | | 2
{"/":[2,4]} | | 0.5
{"/":["1",1]} | | 1
{"substr":["jsonlogic",4]} | | "logic"
{"substr":["jsonlogic",-5]} | | "logic"
{"substr":["jsonlogic",0,1]} | | "j"
{"substr":["jsonlogic",-1,1]} | | "c"
{"substr":["jsonlogic",4,5]} | | "logic"
{"substr":["jsonlogic",-5,5]} | | "logic"
{"substr":["jsonlogic",-5,-2]} | | "log"
{"substr":["jsonlogic",1,-5]} | | "son"
{"merge":[]} | | []
{"merge":[[1]]} | | [1]
{"merge":[[1],[]]} | | [1]
{"merge":[[1],[2]]} | | [1,2]
{"merge":[[1],[2],[3]]} | | [1,2,3]
{"merge":[[1,2],[3]]} | | [1,2,3]
{"merge":[[1],[2,3]]} | | [1,2,3]
{"merge":1} | | [1]
{"merge":[1,2]} | | [1,2]
{"merge":[1,[2]]} | | [1,2]
{"if":[]} | | null
{"if":[true]} | | true
{"if":[false]} | | false
{"if":["apple"]} | | "apple"
{"if":[true,"apple"]} | | "apple"
{"if":[false,"apple"]} | | null
{"if":[true,"apple","banana"]} | | "apple"
{"if":[false,"apple","banana"]} | | "banana"
{"if":[[],"apple","banana"]} | | "banana"
{"if":[[1],"apple","banana"]} | | "apple"
{"if":[[1,2,3,4],"apple","banana"]} | | "apple"
{"if":["","apple","banana"]} | | "banana"
{"if":["zucchini","apple","banana"]} | | "apple"
{"if":["0","apple","banana"]} | | "apple"
{"===":[0,{"+":"0"}]} | | true
{"if":[{"+":"0"},"apple","banana"]} | | "banana"
{"if":[{"+":"1"},"apple","banana"]} | | "apple"
{"if":[0,"apple","banana"]} | | "banana"
{"if":[1,"apple","banana"]} | | "apple"
{"if":[3.1416,"apple","banana"]} | | "apple"
{"if":[-1,"apple","banana"]} | | "apple"
{"if":[{">":[2,1]},"apple","banana"]} | | "apple"
{"if":[{">":[1,2]},"apple","banana"]} | | "banana"
{"if":[true,{"cat":["ap","ple"]},{"cat":["ba","na","na"]}]} | | "apple"
{"if":[false,{"cat":["ap","ple"]},{"cat":["ba","na","na"]}]} | | "banana"
{"if":[true,"apple",true,"banana"]} | | "apple"
{"if":[false,"apple",true,"banana"]} | | "banana"
{"if":[false,"apple",false,"banana"]} | | null
{"if":[true,"apple",true,"banana","carrot"]} | | "apple"
{"if":[false,"apple",true,"banana","carrot"]} | | "banana"
{"if":[false,"apple",false,"banana","carrot"]} | | "carrot"
{"if":[false,"apple",false,"banana",false,"carrot"]} | | null
{"if":[false,"apple",false,"banana",false,"carrot","date"]} | | "date"
{"if":[false,"apple",false,"banana",true,"carrot","date"]} | | "carrot"
{"if":[false,"apple",true,"banana",false,"carrot","date"]} | | "banana"
{"missing":[]} | | []
{"missing":["a"]} | | ["a"]
{"missing":"a"} | | ["a"]
{"missing":"a"} | {"a":"apple"} | []
{"missing":["a"]} | {"a":"apple"} | []
{"missing":["a","b"]} | {"a":"apple"} | ["b"]
{"missing":["a","b"]} | {"b":"banana"} | ["a"]
{"missing":["a","b"]} | {"a":"apple","b":"banana"} | []
{"missing":["a","b"]} | {} | ["a","b"]
{"missing":["a.b"]} | | ["a.b"]
{"missing":["a.b"]} | {"a":"apple"} | ["a.b"]
{"missing":["a.b"]} | {"a":{"c":"apple cake"}} | ["a.b"]
{"missing":["a.b"]} | {"a":{"b":"apple brownie"}} | []
{"missing":["a.b","a.c"]} | {"a":{"b":"apple brownie"}} | ["a.c"]
{"missing":["a"]} | {"a":""} | ["a"]
{"missing":["a"]} | {"a":0} | []
{"missing_some":[1,["a","b"]]} | {"a":"apple"} | []
{"missing_some":[1,["a","b"]]} | {"b":"banana"} | []
{"missing_some":[1,["a","b"]]} | {"a":"apple","b":"banana"} | []
{"missing_some":[1,["a","b"]]} | {"c":"carrot"} | ["a","b"]
{"missing_some":[2,["a","b","c"]]} | {"a":"apple","b":"banana"} | []
{"missing_some":[2,["a","b","c"]]} | {"a":"apple","c":"carrot"} | []
{"missing_some":[2,["a","b","c"]]} | {"a":"apple"} | ["b","c"]
{"missing_some":[2,["a","b","c"]]} | {"d":"durian"} | ["a","b","c"]
{"if":[{"missing":"a"},"missed it","found it"]} | {"a":"apple"} | "found it"
{"if":[{"missing":"a"},"missed it","found it"]} | {"b":"banana"} | "missed it"
{"missing":{"merge":["vin",{"if":[{"var":"financing"},["apr"],[]]}]}} | {"financing":true} | ["vin","apr"]
{"missing":{"merge":["vin",{"if":[{"var":"financing"},["apr"],[]]}]}} | {"financing":false} | ["vin"]
{"var":["a"]} | {"a":1} | 1
{"var":["b"]} | {"a":1} | null
{"var":["a"]} | | null
{"var":"a"} | {"a":1} | 1
{"var":"b"} | {"a":1} | null
{"var":["a",1]} | | 1
{"var":["b",2]} | {"a":1} | 2
{"var":"a.b"} | {"a":{"b":"c"}} | "c"
{"var":"a.q"} | {"a":{"b":"c"}} | null
{"var":["a.q",9]} | {"a":{"b":"c"}} | 9
{"var":["a.b.c",9]} | {"a":{"b":null}} | 9
{"var":["a",9]} | {"a":null} | null
{"var":1} | ["apple","banana"] | "banana"
{"var":"1"} | ["apple","banana"] | "banana"
{"var":"1.1"} | ["apple",["banana","beer"]] | "beer"
{"var":"length"} | [1,2,3] | 3
{"var":""} | 1 | 1
{"var":null} | 1 | 1
{"var":[]} | 1 | 1
{"var":{"cat":["a",".","b"]}} | {"a":{"b":3}} | 3
{"and":[{"<":[{"var":"temp"},110]},{"==":[{"var":"pie.filling"},"apple"]}]} | {"temp":100,"pie":{"filling":"apple"}} | true
{"var":[{"?:":[{"<":[{"var":"temp"},110]},"pie.filling","pie.eta"]}]} | {"temp":100,"pie":{"filling":"apple","eta":"60s"}} | "apple"
{"in":[{"var":"filling"},["apple","cherry"]]} | {"filling":"apple"} | true
{"var":"a.b.c"} | | null
{"var":"a.b.c"} | {"a":null} | null
{"var":"a.b.c"} | {"a":{"b":null}} | null
{"==":[{"var":"x"},null]} | {} | true
{"filter":[{"var":"integers"},true]} | {"integers":[1,2,3]} | [1,2,3]
{"filter":[{"var":"integers"},false]} | {"integers":[1,2,3]} | []
{"filter":[{"var":"integers"},{">=":[{"var":""},2]}]} | {"integers":[1,2,3]} | [2,3]
{"filter":[{"var":"integers"},{"%":[{"var":""},2]}]} | {"integers":[1,2,3]} | [1,3]
{"filter":[{"var":"none"},true]} | {"integers":[1,2,3]} | []
{"map":[{"var":"integers"},{"*":[{"var":""},2]}]} | {"integers":[1,2,3]} | [2,4,6]
{"map":[{"var":"integers"},{"*":[{"var":""},2]}]} | | []
{"map":[{"var":"desserts"},{"var":"qty"}]} | {"desserts":[{"qty":1},{"qty":2},{"qty":3}]} | [1,2,3]
{"reduce":[{"var":"integers"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]} | {"integers":[1,2,3,4]} | 10
{"reduce":[{"var":"integers"},{"+":[{"var":"current"},{"var":"accumulator"}]},{"var":"start"}]} | {"integers":[1,2,3,4],"start":59} | 69
{"reduce":[{"var":"integers"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]} | | 0
{"reduce":[{"var":"integers"},{"*":[{"var":"current"},{"var":"accumulator"}]},1]} | {"integers":[1,2,3,4]} | 24
{"reduce":[{"var":"integers"},{"*":[{"var":"current"},{"var":"accumulator"}]},0]} | {"integers":[1,2,3,4]} | 0
{"reduce":[{"var":"d"},{"+":[{"var":"accumulator"},{"var":"current.qty"}]},0]} | {"d":[{"qty":1},{"qty":2},{"qty":3}]} | 6
{"all":[{"var":"integers"},{">=":[{"var":""},1]}]} | {"integers":[1,2,3]} | true
{"all":[{"var":"integers"},{"==":[{"var":""},1]}]} | {"integers":[1,2,3]} | false
{"all":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[1,2,3]} | false
{"all":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[]} | false
{"all":[{"var":"items"},{">=":[{"var":"qty"},1]}]} | {"items":[{"qty":1},{"qty":2}]} | true
{"all":[{"var":"items"},{">":[{"var":"qty"},1]}]} | {"items":[{"qty":1},{"qty":2}]} | false
{"none":[{"var":"integers"},{">=":[{"var":""},1]}]} | {"integers":[1,2,3]} | false
{"none":[{"var":"integers"},{"==":[{"var":""},1]}]} | {"integers":[1,2,3]} | false
{"none":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[1,2,3]} | true
{"none":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[]} | true
{"some":[{"var":"integers"},{">=":[{"var":""},1]}]} | {"integers":[1,2,3]} | true
{"some":[{"var":"integers"},{"==":[{"var":""},1]}]} | {"integers":[1,2,3]} | true
{"some":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[1,2,3]} | false
{"some":[{"var":"integers"},{"<":[{"var":""},1]}]} | {"integers":[]} | false
{"some":[{"var":"items"},{"<":[{"var":"qty"},1]}]} | {"items":[{"qty":1},{"qty":2}]} | false
{"log":[1]} | | 1
"""


def cases() -> Iterator[tuple[object, object, object]]:
    """Rule, data and result."""
    for line in TABLE.strip().splitlines():
        rule, given, result = (part.strip() for part in line.split(" |"))
        yield json.loads(rule), json.loads(given or "null"), json.loads(result)
