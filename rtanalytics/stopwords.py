"""Words that say nothing by themselves, and addresses that hide where they lead."""

from __future__ import annotations

__all__ = ["SHORTENERS", "STOP_WORDS"]

_ENGLISH = """
a about above across actually after again against ago all almost along already also although always am
among an and another any anybody anyone anything anyway are aren't around as ask at away back be became
because become been before behind being below best better between big both bring but by call came can
can't cannot come comes coming could couldn't day days did didn't do does doesn't doing don't done down
during each either else end enough etc even ever every everybody everyone everything far few find first
for found from full further gave get gets getting give given gives giving go goes going gone gonna good
got great had hadn't happen hard has hasn't have haven't having he he'd he'll he's hello help her here
here's hers herself hey hi him himself his how how's however i i'd i'll i'm i've if in instead into is
isn't it it'd it'll it's its itself just keep kind know knows last later least less let let's like likely
little long look looking looks lot lots love made make makes making many may maybe me mean means might
mine minutes more morning most much must my myself near need needs never new next nice no nobody non none
nor not nothing now of off often oh ok okay old on once one ones only or other others our ours ourselves
out over own part people per perhaps please point possible pretty probably put quite rather re really
right said same saw say saying says second see seen seems several shall she she'd she'll she's should
shouldn't show since so some somebody someone something sometimes soon still stuff such sure take taken
takes taking talk talking talks tell than thank thanks that that'll that's the their theirs them
themselves then there there's these they they'd they'll they're they've thing things think this those
though three through time times to today together told tomorrow tonight too took toward towards tried try
trying two under unless until up upon us use used uses using usually very via wait want wants was wasn't
way ways we we'd we'll we're we've week well went were weren't what what's whatever when when's where
where's whether which while who who's whole whom whose why will with within without won't wonder work
working works would wouldn't yeah year years yes yesterday yet you you'd you'll you're you've your yours
yourself yourselves amp rt mt via cc http https www com ie eg e.g i.e vs w ll ve im dont cant didnt doesnt
thats lol haha wow yay monday tuesday wednesday thursday friday saturday sunday
"""
_OTHERS = """
aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den der des die
dies diese dir doch du durch ein eine einem einen einer eines er es euch für gegen habe haben hat hier hin
ich ihr im in ist ja jede kann kein keine man mehr mein mich mir mit muss nach nicht noch nun nur ob oder
ohne schon sehr sein sich sie sind so über um und uns unser unter vom von vor war was weil wenn wer werden
wie wieder wir wird wo zu zum zur
au aux avec avoir c'est ce ces cette d'un d'une dans de des donc du elle en est et être faire fait il ils
j'ai je la le les leur lui mais me même moi mon ne nos notre nous on ont ou où par pas peut plus pour
qu'il que qui sa sans se ses si son sont sur ta te tes toi ton tous tout très tu un une vos votre vous y
al algo como con contra cual cuando de del desde donde el ella ellos en entre era es esa ese eso esta este
esto están fue ha hace hacia han hasta hay la las le les lo los más me mi muy nada ni no nos nosotros o os
otra otro para pero poco por porque que qué quien se ser si sin sobre son su sus también te tiene todo
todos tu un una uno unos y ya yo
ao aos as até com da das de do dos e ela ele em essa esse esta este eu foi isso isto já mais mas mesmo meu
minha muito na nas nem no nos não nós os ou para pela pelo por quando que quem se sem ser seu sua são
também tem um uma você à às
al alla allo anche c'è che chi ci con cosa da dal dalla dei del della di dove e ed era fra gli ha hanno ho
il io la le lei lo loro lui ma mi mia mio molto ne nei nel nella noi non nostro o per perché più può
quando quella quello questa questo se sei si sia sono su sua sul sulla suo ti tra tu tutti tutto un una
uno vi voi è
aan al als bij dat de den der deze die dit doen door dus een en er ge geen had heb hebben heeft het hij
hoe ik in is ja je kan maar me meer met mij mijn moet na naar niet nog nu of om onder ons ook op over te
tot uit van veel voor waren was wat we wel werd wie wij wil worden zal ze zich zij zijn zo zou
"""

STOP_WORDS = f"{_ENGLISH} {_OTHERS}".split()
"""Words, as they are written, that are no terms and neither start nor end a phrase."""

SHORTENERS = frozenset(
    """
    t.co bit.ly ow.ly buff.ly dlvr.it goo.gl tinyurl.com fb.me lnkd.in is.gd ift.tt wp.me j.mp
    owl.ly tmblr.co instagr.am pic.twitter.com twitter.com x.com amzn.to trib.al shar.es
    feedproxy.google.com
    """.split()
)
"""Hosts of addresses that say nothing about where they lead."""
