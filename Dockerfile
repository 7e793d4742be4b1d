# One static binary plays every role of the lab: runner, agent, peers, TURN
# server. The same image as `icelab run` makes, for who has no Go.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o /icelab .

FROM scratch
COPY --from=build /icelab /icelab
ENTRYPOINT ["/icelab"]
