"""Made-up titles of the built-in sample's items: each tells its taste, so that lists can be judged by eye."""

from collections.abc import Iterable

# For each taste, what a title begins and ends with; every beginning fits every end. The films do not exist.
GENRES = {
    "western": (
        "Dust over, Last Train to, The Sheriff of, Sundown in, Gold from, The Long Ride to, Gunsmoke at, "
        "A Coffin for, Outlaws of, Seven from",
        "Laredo, Dry Creek, Abilene, Red Mesa, Tombstone Gap, Cheyenne, Lone Pine, Silver Wells, "
        "Dead Horse Canyon, Santa Rosa",
    ),
    "horror": (
        "The Whisper in, Nobody Leaves, The Hunger of, Night Falls on, The Thing from, Never Enter, "
        "The Scream from, What Waits in, The Curse of, Buried under",
        "the Cellar, Hollow House, Ward Nine, the Black Chapel, Crow Hill, the Old Well, the Wax Museum, "
        "Room 13, the Marsh, Ashwood Manor",
    ),
    "romance": (
        "A Kiss in, Love Letters from, Two Hearts in, Meet Me in, One Summer in, Roses from, A Wedding in, "
        "Moonlight over, The Florist of, Falling in Love in",
        "Paris, Verona, Lisbon, Vienna, Brighton, Capri, Savannah, Bruges, Kyoto, Havana",
    ),
    "musical": (
        "A Song for, Dancing with, The Ballad of, Encore for, Tap Shoes for, Curtain Up on, The Last Waltz of, "
        "Spotlight on, A Piano for, Singing with",
        "Broadway Rose, Dolly May, Mister Swing, the Velvet Sisters, Ruby Lane, Johnny Tempo, Miss Melody, "
        "Lady Clarinet, the Paper Moons, Old Vaudeville",
    ),
    "war": (
        "The Bridge at, Dawn over, The Last Platoon of, Retreat from, Letters from, Behind the Lines at, "
        "The Siege of, No Surrender at, Paratroopers over, The Guns of",
        "Hill 204, Monte Corvo, Fort Verain, Kalinov, Cape Merrow, the Iron Ridge, Sector Seven, Saint Marin, "
        "the Winter Line, Port Tovar",
    ),
    "film noir": (
        "Murder at, The Blonde from, Midnight at, The Last Cigarette at, A Stranger from, Shadows over, "
        "Blackmail at, Rain over, The Man from, Double Cross at",
        "Pier 19, Canal Street, Dead End Avenue, the Blue Parrot, Sunset Alley, Harbor Row, the Hotel Cortez, "
        "Larkin Street, Union Depot, the Velvet Club",
    ),
    "science fiction": (
        "Return to, Signal from, The Robots of, Lost beyond, The Last Colony of, Exiles of, Mission to, "
        "The Clones of, Escape from, Countdown on",
        "Proxima, Titan Station, the Ninth Moon, Kepler Gate, Andromeda Deep, Mars Base Four, Nova Terra, "
        "Vega Prime, Europa, the Outer Ring",
    ),
    "fantasy": (
        "The Dragon of, The Witch of, The Sword of, The Lost Crown of, The Giants of, The Wizard of, "
        "Quest for, The Unicorn of, The Elves of, The Goblins of",
        "Eldermoor, Tir Valen, the Silver Wood, Mistgard, the Sleeping Kingdom, Thornkeep, the Amber Isles, "
        "Runewater, the Seven Towers, Ravenspire",
    ),
    "comedy": (
        "Trouble with, Who Invited, My Holiday with, Never Hire, Two Weeks with, Dinner with, Stuck with, "
        "Sharing a Bath with, Camping with, Somebody Stop",
        "Uncle Bob, the Neighbors, My Mother-in-Law, the Plumber, Cousin Larry, the Wrong Twin, "
        "a Goat Named Steve, the Accountant, Grandma Dot, Doctor Pickles",
    ),
    "documentary": (
        "The Secret Life of, A Year with, The World of, The Great Journey of, In Search of, Saving, "
        "The Kingdom of, Living among, The Last of, Filming",
        "the Penguins, the Honeybees, the Snow Leopards, the Blue Whales, the Elephants, the Octopuses, "
        "the Gray Wolves, the Sea Turtles, the Orangutans, the Hummingbirds",
    ),
    "sports": (
        "The Comeback of, The Last Season of, Overtime for, The Triumph of, One More Round for, Betting on, "
        "Glory for, Training with, The Record of, A Trophy for",
        "the Mill Town Tigers, Coach Delgado, Rocket Riley, the Eastside Eleven, Kid Malone, "
        "the River City Rowers, Flash Okafor, Big Lou, the Alpine Racers, Number Twelve",
    ),
    "spy": (
        "The Spy from, The Cipher from, A Passport to, Double Agent in, The Defector from, The Courier to, "
        "Poison in, The Tunnel to, Wiretap in, Last Contact in",
        "Istanbul, East Berlin, Helsinki, Geneva, Trieste, Macau, Prague, Tangier, Bucharest, Casablanca",
    ),
}  # fmt: skip


def sample_titles(tastes: Iterable[int]) -> list[str]:
    """Return a title for each item, such as `Dust over Laredo (western)`, all different.

    Args:
        tastes: the strongest taste of each item, as a number from 0: the genre of that place in `GENRES`.
    """
    genres, used = list(GENRES), dict.fromkeys(GENRES, 0)
    titles = []
    for taste in tastes:
        genre = genres[taste]
        titles.append(f"{_name(genre, used[genre])} ({genre})")
        used[genre] += 1
    return titles


def _name(genre: str, number: int) -> str:
    """Return the name of that number, from 0; the beginning and the end both change from one to the next."""
    beginnings, ends = (words.split(", ") for words in GENRES[genre])
    turn, first = divmod(number, len(beginnings))
    last = (turn + 3 * first) % len(ends)
    sequel = turn // len(ends)
    return f"{beginnings[first]} {ends[last]}" + (f", Part {sequel + 1}" if sequel else "")
