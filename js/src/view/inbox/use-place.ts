/** Which part of the inbox is shown: from the URL on the inbox page, else from state. */
import { useCallback, useEffect, useState } from "preact/hooks";
import { hashOf, type Place, placeOf } from "../../inbox/place";

export function usePlace(addressed: boolean): readonly [Place, (place: Place) => void] {
  const [place, setPlace] = useState<Place>(() =>
    addressed ? placeOf(location.hash, location.search) : { view: "pending" },
  );
  useEffect(() => {
    if (!addressed) return;
    const follow = () => setPlace(placeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [addressed]);
  const go = useCallback(
    (next: Place) => {
      setPlace(next);
      if (addressed) history.pushState(null, "", location.pathname + hashOf(next));
    },
    [addressed],
  );
  return [place, go];
}
